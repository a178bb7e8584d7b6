namespace Uffd.Diagnostics;

/// <summary>
/// A trial of real paging: memory of this process is registered, a thread touches its pages one after the other, and each is
/// resolved by a copy and compared with what should be in it.
/// </summary>
/// <param name="Works">Whether every page arrived with the right content.</param>
/// <param name="Pages">How many pages were resolved.</param>
/// <param name="Microseconds">
/// The median time from the touch of a page to the thread's going on, in microseconds, or null when it did not work. It includes
/// waking two threads and says more about the machine's idle states than about the kernel.
/// </param>
/// <param name="FaultScope">Which faults the userfaultfd of the trial handles, or null when there was none.</param>
/// <param name="Failure">What went wrong, in one line, or null.</param>
public sealed record PagingSelfTest(bool Works, int Pages, double? Microseconds, UffdFaultScope? FaultScope, string? Failure)
{
    /// <summary>Runs the trial. It takes about a millisecond, and at most some seconds where something is broken.</summary>
    public static PagingSelfTest Run()
    {
        UffdFaultScope? scope = null;
        try
        {
            using Userfaultfd userfaultfd = Userfaultfd.Create();
            scope = userfaultfd.FaultScope;
            using var trial = new PagingTrial(userfaultfd);
            string? failure = trial.Run();
            return new PagingSelfTest(failure is null, trial.Resolved, failure is null ? trial.MedianMicroseconds : null, scope, failure);
        }
        catch (Exception exception) when (exception is UffdException or PlatformNotSupportedException)
        {
            return new PagingSelfTest(Works: false, Pages: 0, Microseconds: null, scope, exception.Message);
        }
    }
}
