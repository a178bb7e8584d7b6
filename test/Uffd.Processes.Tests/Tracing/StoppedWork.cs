namespace Uffd.Processes.Tests.Tracing;

/// <summary>What a test does while a process stands.</summary>
internal sealed class StoppedWork(Action<StoppedProcess> work) : IStoppedWork
{
    /// <inheritdoc/>
    public void Run(StoppedProcess process) => work(process);
}
