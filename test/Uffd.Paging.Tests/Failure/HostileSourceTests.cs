namespace Uffd.Paging.Tests.Failure;

/// <summary>Sources that do what they should not, and listeners too.</summary>
public class HostileSourceTests
{
    private const ulong Run = BackgroundFill.RunBytes;
    private const ulong Bad = 3;

    public enum Break
    {
        GetRun,
        GetDirect,
        ReadWithoutMemory,
        ReadWithAnythingElse,
    }

    public static TheoryData<Break, bool> Breaks
    {
        get
        {
            var all = new TheoryData<Break, bool>();
            foreach (Break one in Enum.GetValues<Break>())
            {
                all.Add(one, true);
                all.Add(one, false);
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Breaks))]
    public async Task Whatever_it_throws_costs_the_page_and_no_more(Break how, bool background)
    {
        HostileSource source = Make(how, offset => offset == Bad * Served.Page);
        await using Served served = await Served.StartAsync(Run, source, Quick(background));
        await SourceFailureTests.AssertOnlyBadIsLostAsync(served);
        served.Space.StartBackgroundFill();
        await served.ResidentAsync();
        Assert.Equal(1, served.Statistics.PoisonedPages);
        Assert.False(served.Space.Ended.IsCompleted);
    }

    [Theory]
    [InlineData(Break.GetRun)]
    [InlineData(Break.GetDirect)]
    public async Task Background_goes_on_when_the_source_recovers(Break how)
    {
        int broken = 1;
        HostileSource source = Make(how, _ => Volatile.Read(ref broken) == 1);
        await using Served served = await Served.StartAsync(Run, source, Quick(background: true));
        await served.UntilNoticeAsync(PagerNoticeKind.SourceFailed);
        Volatile.Write(ref broken, 0);
        await served.ResidentAsync();
        Assert.Equal(Pattern.Hash(Run), await served.HashAsync(0, Run));
    }

    [Theory]
    [InlineData(0, SourceRunKind.Data)]
    [InlineData(0, SourceRunKind.Zero)]
    [InlineData(1, SourceRunKind.Data)]
    [InlineData(long.MaxValue, SourceRunKind.Data)]
    public async Task Runs_of_any_length_are_survived(long length, SourceRunKind kind)
    {
        foreach (bool background in (bool[])[true, false])
        {
            var source = new HostileSource(Pattern.Bytes(Run), run: (_, _) => new SourceRun((ulong)length, kind));
            await using Served served = await Served.StartAsync(Run, source, Quick(background));
            Assert.Equal(Pattern.Hash(Run), await served.HashAsync(0, Run));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Address_that_is_nowhere_fails_the_page(bool background)
    {
        var source = new HostileSource(Pattern.Bytes(Run), direct: offset => offset == Bad * Served.Page && !background ? DirectAccess.KernelOnly : DirectAccess.None);
        await using Served served = await Served.StartAsync(Run, source, Quick(background));
        if (background)
        {
            Assert.Equal(Pattern.Hash(Run), await served.HashAsync(0, Run));
        }
        else
        {
            await SourceFailureTests.AssertOnlyBadIsLostAsync(served);
        }
    }

    [Fact]
    public async Task Listener_that_throws_harms_nobody()
    {
        HostileSource source = Make(Break.ReadWithAnythingElse, offset => offset == Bad * Served.Page);
        await using Served served = await Served.StartAsync(Run, source, Quick(background: false) with
        {
            Notice = _ => throw new InvalidOperationException("listener"),
        });
        await SourceFailureTests.AssertOnlyBadIsLostAsync(served);
        Assert.False(served.Space.Ended.IsCompleted);
    }

    private static Setup Quick(bool background) => new()
    {
        Features = UffdFeatures.EventRemove,
        Options = new AddressSpaceOptions { BackgroundFill = background, SourceRetryDelay = TimeSpan.FromMilliseconds(1) },
    };

    private static HostileSource Make(Break how, Func<ulong, bool> breaks)
    {
        byte[] bytes = Pattern.Bytes(Run);
        return how switch
        {
            Break.GetRun => new HostileSource(bytes, run: (offset, length) =>
            {
                ThrowIf(breaks(offset), new InvalidOperationException("GetRun"));
                ulong page = offset + Served.Page; // page by page, so that only the page asked for breaks
                return new SourceRun(Math.Min(length, page - offset), SourceRunKind.Data);
            }),
            Break.GetDirect => new HostileSource(bytes, run: OnePage, direct: offset =>
            {
                ThrowIf(breaks(offset), new ObjectDisposedException("GetDirect"));
                return DirectAccess.None;
            }),
            Break.ReadWithoutMemory => new HostileSource(bytes, run: OnePage, read: offset => ThrowIf(breaks(offset), new InsufficientMemoryException())),
            _ => new HostileSource(bytes, run: OnePage, read: offset => ThrowIf(breaks(offset), new NotSupportedException())),
        };

        static SourceRun OnePage(ulong offset, ulong length) => new(Math.Min(length, Served.Page), SourceRunKind.Data);

        static void ThrowIf(bool condition, Exception exception)
        {
            if (condition)
            {
                throw exception;
            }
        }
    }
}
