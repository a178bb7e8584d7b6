using System.Runtime.InteropServices;

namespace Uffd.Tool;

/// <summary>
/// SIGINT and SIGTERM for a verb that runs for a while: the first cancels it, and if it has not ended after a while the process
/// does. In place before the verb begins, so that no signal can come too early (the parser's own handling begins after it).
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _cancelled = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly TimeSpan _patience;
    private Timer? _end;

    /// <summary>Takes the signals.</summary>
    /// <param name="patience">How long the verb may take to end.</param>
    public Interruption(TimeSpan patience)
    {
        _patience = patience;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt),
        ];
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _cancelled.Token;

    /// <summary>Gives the signals back.</summary>
    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _end?.Dispose();
        _cancelled.Dispose();
    }

    private void Interrupt(PosixSignalContext context)
    {
        context.Cancel = true;
        _end ??= new Timer(_ => Environment.Exit(ExitCodes.Interrupted), null, _patience, Timeout.InfiniteTimeSpan);
        _cancelled.Cancel();
    }
}
