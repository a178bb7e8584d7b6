using System.Runtime.InteropServices;

namespace Uffd.Tests.Events;

/// <summary>Out of descriptors: alone, because the limit is the whole process's.</summary>
[Collection(nameof(AloneCollection))]
public partial class DescriptorLimitTests
{
    private const int OpenFiles = 7; // RLIMIT_NOFILE, on x86-64 and arm64

    [Fact]
    public async Task Fork_whose_descriptor_does_not_fit_stays_until_it_does()
    {
        Requires.Root();
        Requires.Features(UffdFeatures.EventFork);
        await using NativeTarget target = await NativeTarget.StartAsync();
        AddressRange region = await target.MapAsync(Arena.Page);
        await target.CreateUserfaultfdAsync(UffdFeatures.EventFork);
        await target.RegisterAsync(UffdRegisterModes.Missing);
        using Arena arena = Arena.Of(await target.HandOverAsync());
        TargetJob fork = await target.BeginAsync("fork");
        arena.WaitReadable();

        UffdException? exception = WithoutDescriptors(() => arena.Reader.Read());
        Assert.NotNull(exception);
        Assert.Equal(Errno.EMFILE, exception.Errno);
        Assert.Contains("ulimit -n", exception.Message, StringComparison.Ordinal);
        Assert.Equal(0, arena.Reader.Count);
        Assert.Equal(Errno.EAGAIN, arena.Userfaultfd.ZeroPage(region).Errno);
        Assert.False(await fork.IsDoneAsync());

        UffdEvent forked = arena.ReadOne();
        Assert.Equal(UffdEventKind.Fork, forked.Kind);
        forked.Forked.Dispose();
        await fork.JoinAsync();
        arena.Userfaultfd.ZeroPage(region).ThrowIfIncomplete();
    }

    [Fact]
    public void Connection_for_which_there_is_no_descriptor_goes_on_waiting()
    {
        using var folder = new TemporaryFolder();
        using FdListener listener = FdListener.Listen(folder.File("socket"));
        using FdChannel client = FdChannel.Connect(listener.Path);
        UffdException? exception = WithoutDescriptors(() => listener.TryAccept());
        Assert.NotNull(exception);
        Assert.Equal(Errno.EMFILE, exception.Errno);
        using FdChannel? server = listener.TryAccept();
        Assert.NotNull(server);
    }

    [Fact]
    public void Lack_of_descriptors_is_told_with_the_command()
    {
        UffdException? exception = WithoutDescriptors(() => Userfaultfd.Create());
        Assert.NotNull(exception);
        Assert.Contains("ulimit -n 65536", exception.Message, StringComparison.Ordinal);
        using Userfaultfd userfaultfd = Userfaultfd.Create();
    }

    /// <summary>Descriptors that are open stay open; a new one is above the limit.</summary>
    private static unsafe UffdException? WithoutDescriptors(Action action)
    {
        (ulong Soft, ulong Hard) limit;
        Assert.Equal(0, GetLimit(OpenFiles, &limit));
        _ = new UffdException("compiled before nothing can be loaded any more", Errno.EMFILE).ToString();
        (ulong Soft, ulong Hard) none = (0, limit.Hard);
        try
        {
            Assert.Equal(0, SetLimit(OpenFiles, &none));
            action();
            return null;
        }
        catch (UffdException exception)
        {
            return exception;
        }
        finally
        {
            Assert.Equal(0, SetLimit(OpenFiles, &limit));
        }
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static unsafe partial int GetLimit(int resource, void* limit);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static unsafe partial int SetLimit(int resource, void* limit);
}
