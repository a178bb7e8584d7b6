namespace Uffd.Migration;

/// <summary>
/// A read that goes to the source. Whoever takes it out of <see cref="State.Asked"/> has its buffer to himself: the thread that receives into it, or who gives it up.
/// </summary>
internal sealed class PageRequest
{
    private readonly TaskCompletionSource _done;
    private int _state;

    public PageRequest(WantMessage want, Memory<byte> destination, bool endsHere)
    {
        Want = want;
        Destination = destination;
        _done = new TaskCompletionSource(endsHere ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private enum State
    {
        Asked,
        Receiving,
        Over,
    }

    public WantMessage Want { get; }

    /// <summary>As many bytes as pages were asked for, or fewer where the caller wants no whole last page.</summary>
    public Memory<byte> Destination { get; }

    public CancellationTokenRegistration Registration { get; set; }

    public Task Task => _done.Task;

    /// <summary>Claims it to receive into; false when it was given up.</summary>
    public bool TryReceive() => Interlocked.CompareExchange(ref _state, (int)State.Receiving, (int)State.Asked) == (int)State.Asked;

    /// <summary>It did not come whole: it is asked for again.</summary>
    public void AskAgain() => Volatile.Write(ref _state, (int)State.Asked);

    /// <summary>What came is there, or is lost. By who received it.</summary>
    public void Complete(Exception? failure)
    {
        Volatile.Write(ref _state, (int)State.Over);
        Registration.Unregister();
        End(failure);
    }

    /// <summary>Gives it up, unless it is being received or over.</summary>
    public bool TryGiveUp(Exception? failure, CancellationToken cancellation)
    {
        if (Interlocked.CompareExchange(ref _state, (int)State.Over, (int)State.Asked) != (int)State.Asked)
        {
            return false;
        }

        Registration.Unregister();
        if (failure is null)
        {
            _done.TrySetCanceled(cancellation);
        }
        else
        {
            End(failure);
        }

        return true;
    }

    private void End(Exception? failure)
    {
        if (failure is null)
        {
            _done.TrySetResult();
        }
        else
        {
            _done.TrySetException(failure);
        }
    }
}
