namespace Uffd.Migration.Tests.Service.Support;

/// <summary>A place where somebody is held until the test lets them go on.</summary>
internal sealed class Barrier
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when somebody has come.</summary>
    public Task Reached => _reached.Task.Soon();

    public void Open() => _opened.TrySetResult();

    public void Pass()
    {
        _reached.TrySetResult();
        _opened.Task.Soon().GetAwaiter().GetResult();
    }

    public Task PassAsync()
    {
        _reached.TrySetResult();
        return _opened.Task.Soon();
    }
}
