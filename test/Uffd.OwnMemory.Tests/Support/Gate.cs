namespace Uffd.Paging.OwnMemory.Tests;

/// <summary>Where one thread stops until another lets it go on; nobody waits for ever.</summary>
internal sealed class Gate : IDisposable
{
    public static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    private readonly ManualResetEventSlim _arrived = new();
    private readonly ManualResetEventSlim _opened = new();

    public bool HasArrived => _arrived.IsSet;

    /// <summary>Stops here.</summary>
    public void Pass()
    {
        _arrived.Set();
        if (!_opened.Wait(Patience))
        {
            throw new TimeoutException("a gate was never opened");
        }
    }

    /// <summary>Waits until somebody stands before it.</summary>
    public void AwaitArrival() => Assert.True(_arrived.Wait(Patience), "nobody came to the gate");

    public void Open() => _opened.Set();

    public void Dispose()
    {
        _opened.Set(); // whoever still stands here is not kept
        _arrived.Dispose();
    }
}
