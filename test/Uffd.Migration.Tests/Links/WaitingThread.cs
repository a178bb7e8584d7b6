using System.Globalization;

namespace Uffd.Migration.Tests.Links;

/// <summary>A thread that comes to wait in the kernel, and must end.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
internal sealed class WaitingThread
{
    private readonly TaskCompletionSource<string> _folder = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public WaitingThread(Action work)
    {
        var thread = new Thread(() =>
        {
            _folder.SetResult(string.Create(CultureInfo.InvariantCulture, $"/proc/{File.ResolveLinkTarget("/proc/thread-self", returnFinalTarget: false)!.FullName["/proc/".Length..]}"));
            try
            {
                work();
                _ended.SetResult();
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException)
            {
                _ended.SetResult(); // as whoever waits on a connection has to expect
            }
            catch (Exception exception)
            {
                _ended.SetException(exception);
            }
        })
        {
            IsBackground = true,
        };
        thread.Start();
    }

    /// <summary>Waits until it waits for a socket: for the other side's bytes, or for room.</summary>
    public async Task WaitUntilItWaitsAsync()
    {
        string folder = await _folder.Task.WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken);
        using var limit = new CancellationTokenSource(LinkPair.Patience);
        for (int seen = 0; seen < 3;)
        {
            string place = await File.ReadAllTextAsync($"{folder}/syscall", limit.Token);
            seen = SocketCalls.Contains(place.Split(' ')[0], StringComparer.Ordinal) ? seen + 1 : 0;
            Assert.False(_ended.Task.IsCompleted);
            await Task.Delay(1, limit.Token);
        }
    }

    public Task EndAsync() => _ended.Task.WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken);

    // read, write, sendto, recvfrom, sendmsg, recvmsg
    private static string[] SocketCalls => System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64
        ? ["0", "1", "44", "45", "46", "47"]
        : ["63", "64", "206", "207", "211", "212"];
}
