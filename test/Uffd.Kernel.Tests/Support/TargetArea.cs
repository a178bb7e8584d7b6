using System.Globalization;

namespace Uffd.Kernel.Tests.Support;

/// <summary>Memory of a native process, of any kind, whose userfaultfd was handed to this one: for forks, signals, and moves.</summary>
internal sealed class TargetArea : IAsyncDisposable
{
    private readonly IDisposable? _hugePages;

    private TargetArea(NativeTarget target, MemoryKind kind, AddressRange range, Session session, IDisposable? hugePages)
    {
        Target = target;
        Kind = kind;
        Range = range;
        Session = session;
        _hugePages = hugePages;
    }

    public NativeTarget Target { get; }

    public Session Session { get; }

    public Userfaultfd Userfaultfd => Session.Userfaultfd;

    public MemoryKind Kind { get; }

    /// <summary>Where the memory is, or was before it was moved.</summary>
    public AddressRange Range { get; }

    public ulong PageSize => Kind.PageSize();

    public int Pages => (int)(Range.Length / PageSize);

    /// <summary>The offset of each page.</summary>
    public IEnumerable<ulong> Offsets => Enumerable.Range(0, Pages).Select(page => (ulong)page * PageSize);

    /// <summary>Starts a process that maps memory and creates a userfaultfd; registers it from here where modes are given.</summary>
    /// <param name="kind">The memory.</param>
    /// <param name="features">What the handshake asks for.</param>
    /// <param name="modes">Which faults.</param>
    /// <param name="pages">How many pages; null for what is usual.</param>
    /// <param name="transparentHuge">Whether the kernel may join the pages to huge ones.</param>
    /// <param name="userModeOnly">Whether the kernel's own faults are left out; null to leave them out only where they must be.</param>
    public static async Task<TargetArea> StartAsync(
        MemoryKind kind,
        UffdFeatures features = UffdFeatures.None,
        UffdRegisterModes modes = UffdRegisterModes.None,
        int? pages = null,
        bool transparentHuge = false,
        bool? userModeOnly = null)
    {
        Requires.Features(features | kind.Needs(modes));
        if (features.HasFlag(UffdFeatures.EventFork))
        {
            Requires.Root();
        }

        int count = pages ?? kind.PageCount();
        IDisposable? hugePages = kind.IsHugetlb() ? Requires.HugePages(3 * count) : null; // a fork may copy all of them
        NativeTarget? target = null;
        try
        {
            target = await NativeTarget.StartAsync();
            string[] words = (await target.RunAsync($"area {(ulong)count * kind.PageSize()} {(transparentHuge ? "thp-" : "")}{kind.Word()}")).Split(' ');
            var range = new AddressRange(
                ulong.Parse(words[1].AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                ulong.Parse(words[2], CultureInfo.InvariantCulture));
            await target.CreateUserfaultfdAsync(features, userModeOnly);
            var area = new TargetArea(target, kind, range, new Session(await target.HandOverAsync()), hugePages);
            if (modes != UffdRegisterModes.None)
            {
                area.Userfaultfd.Register(range, modes);
            }

            return area;
        }
        catch
        {
            if (target is not null)
            {
                await target.DisposeAsync();
            }

            hugePages?.Dispose();
            throw;
        }
    }

    public AddressRange PageAt(int index, int count = 1) => new(Range.Start + ((ulong)index * PageSize), (ulong)count * PageSize);

    public int PageOf(ulong address) => (int)((address - Range.Start) / PageSize);

    /// <summary>
    /// Writes each page's own value, or where there are many, each sixteenth part's: nothing may be registered yet, or
    /// somebody must serve.
    /// </summary>
    public async Task FillAsync()
    {
        int together = Math.Max(1, Pages / 16);
        for (int page = 0; page < Pages; page += together)
        {
            await Target.FillAsync((ulong)page * PageSize, (ulong)together * PageSize, MemoryKinds.Value(page));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Target.DisposeAsync();
        Session.Dispose();
        _hugePages?.Dispose();
    }
}
