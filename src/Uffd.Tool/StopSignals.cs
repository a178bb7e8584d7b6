using System.Runtime.InteropServices;

namespace Uffd.Tool;

/// <summary>SIGTERM and SIGINT: the first stops, the second hurries.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _second = new();
    private readonly PosixSignalRegistration[] _registrations;

    public StopSignals() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle),
        PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle),
    ];

    public CancellationToken Second => _second.Token;

    public Task FirstAsync() => _first.Task;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _second.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true; // we end by ourselves, after settling the clients
        if (!_first.TrySetResult())
        {
            _second.Cancel();
        }
    }
}
