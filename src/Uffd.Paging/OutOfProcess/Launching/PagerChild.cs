using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Uffd.Paging;

/// <summary>
/// A pager or guardian process that this process has started, and the connection to it. It connects to a socket in a folder that only
/// this user may enter, and only the process that was started is let in; then the socket is gone.
/// </summary>
internal sealed class PagerChild : IDisposable
{
    private const ulong ListenerToken = 1;
    private const ulong ExitToken = 2;

    private readonly Process _process;

    private PagerChild(Process process, RawChannel channel)
    {
        _process = process;
        Channel = channel;
        ProcessId = process.Id;
    }

    public RawChannel Channel { get; }

    public int ProcessId { get; }

    /// <summary>Starts it and waits until it has connected.</summary>
    /// <param name="program">The program.</param>
    /// <param name="verb">What it is to be.</param>
    /// <param name="timeout">How long to wait.</param>
    /// <exception cref="UffdException">It cannot be started, ends, or does not come.</exception>
    public static PagerChild Start(PagerProgram program, string verb, TimeSpan timeout)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("uffd-"); // for this user only (mkdtemp)
        try
        {
            using FdListener listener = FdListener.Listen(Path.Combine(folder.FullName, "s"));
            Process process = Run(program.CreateStart(verb, listener.Path));
            try
            {
                return new PagerChild(process, new RawChannel(WaitForConnection(listener, process, timeout)));
            }
            catch
            {
                End(process, TimeSpan.Zero);
                process.Dispose();
                throw;
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>How it ended, or null while it goes on.</summary>
    public string? DescribeEnd()
        => _process.HasExited ? string.Create(CultureInfo.InvariantCulture, $"it ended with status {_process.ExitCode}") : null;

    /// <summary>Waits for its end, and kills it where it does not come.</summary>
    public void End(TimeSpan timeout) => End(_process, timeout);

    /// <summary>Closes the connection. The process is not touched: <see cref="End(TimeSpan)"/> first.</summary>
    public void Dispose()
    {
        Channel.Dispose();
        _process.Dispose();
    }

    private static Process Run(ProcessStartInfo start)
    {
        try
        {
            Process process = Process.Start(start) ?? throw new UffdException($"the pager program cannot be started: {start.FileName}");
            process.StandardInput.Close();
            process.OutputDataReceived += static (_, _) => { };
            process.BeginOutputReadLine(); // it prints nothing; a store of the user's might
            return process;
        }
        catch (Win32Exception exception)
        {
            throw new UffdException($"the pager program cannot be started: {exception.Message}", exception);
        }
    }

    private static FdChannel WaitForConnection(FdListener listener, Process process, TimeSpan timeout)
    {
        using ProcessHandle? handle = ProcessHandle.TryOpen(process.Id);
        using var poller = new EventPoller();
        poller.Add(listener.Handle, ListenerToken);
        if (handle is not null)
        {
            poller.Add(handle.Handle, ExitToken);
        }

        Span<PollResult> ready = stackalloc PollResult[2];
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            TimeSpan left = timeout - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
            {
                throw new UffdException(string.Create(CultureInfo.InvariantCulture, $"the pager program did not connect within {timeout.TotalSeconds} s"));
            }

            poller.Wait(ready, left);
            if (listener.TryAccept() is { } channel)
            {
                if (channel.GetPeer().ProcessId == process.Id)
                {
                    return channel;
                }

                channel.Dispose(); // somebody else of this user
            }
            else if (handle?.HasExited ?? true)
            {
                process.WaitForExit();
                throw new UffdException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"the pager program ended with status {process.ExitCode} before it connected: standard error may say why"));
            }
        }
    }

    private static void End(Process process, TimeSpan timeout)
    {
        try
        {
            if (!process.WaitForExit(timeout))
            {
                process.Kill();
                process.WaitForExit(TimeSpan.FromSeconds(5));
            }
        }
        catch (Exception exception) when (exception is InvalidOperationException or Win32Exception)
        {
            // It has ended by itself.
        }
    }
}
