namespace Uffd.Processes;

/// <summary>The boundaries between the steps in which a thread is changed, told to tests: they end the tracer there, or place a race.</summary>
internal static class TraceSteps
{
    /// <summary>Called on the tracing thread with the name of the step that was just done; null outside tests.</summary>
    public static Action<string>? Reached { get; set; }

    /// <summary>Whether what this thread does is done with no thread of anybody.</summary>
    [field: ThreadStatic]
    public static bool IsRehearsal { get; set; }

    /// <summary>Tells that a step was done.</summary>
    /// <param name="step">Its name.</param>
    public static void Done(string step)
    {
        if (Reached is { } reached && !IsRehearsal)
        {
            reached(step);
        }
    }
}
