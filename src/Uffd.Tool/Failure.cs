namespace Uffd.Tool;

/// <summary>Turns whatever went wrong into one line on standard error and an exit status.</summary>
internal static class Failure
{
    /// <summary>Set to 1, this environment variable adds the stack trace to the line.</summary>
    public const string DebugVariable = "UFFD_DEBUG";

    /// <summary>Prints the line for an exception.</summary>
    /// <param name="exception">What went wrong.</param>
    /// <param name="error">Standard error.</param>
    /// <returns>The status to end with.</returns>
    public static int Report(Exception exception, TextWriter error)
    {
        (int status, bool expected) = Classify(exception);
        bool debug = string.Equals(Environment.GetEnvironmentVariable(DebugVariable), "1", StringComparison.Ordinal);
        Print(error, Describe(exception, expected, debug));
        if (debug)
        {
            error.WriteLine(exception);
        }

        return status;
    }

    /// <summary>Prints <c>uffd: MESSAGE</c>, whatever line breaks the message has.</summary>
    public static void Print(TextWriter error, string message) => error.WriteLine($"uffd: {OneLine(message)}");

    /// <summary>The status for an exception, and whether its message can stand alone.</summary>
    internal static (int Status, bool Expected) Classify(Exception exception) => exception switch
    {
        ToolException tool => (tool.ExitCode, true),
        OperationCanceledException => (ExitCodes.Interrupted, true),
        UffdException { IsUnavailable: true } => (ExitCodes.NotAllowed, true),
        UffdException { Errno: Errno.EPERM or Errno.EACCES or Errno.ENOSYS or Errno.EOPNOTSUPP } => (ExitCodes.NotAllowed, true),
        UffdException => (ExitCodes.Failed, true),
        PlatformNotSupportedException => (ExitCodes.NotAllowed, true),
        FileNotFoundException or DirectoryNotFoundException or EndOfStreamException or InvalidDataException => (ExitCodes.BadInput, true),
        UnauthorizedAccessException => (ExitCodes.BadInput, true),
        IOException => (ExitCodes.Failed, true),
        AggregateException { InnerExceptions: [var only] } => Classify(only),
        _ => (ExitCodes.Failed, false),
    };

    private static string Describe(Exception exception, bool expected, bool debug) => exception switch
    {
        AggregateException { InnerExceptions: [var only] } => Describe(only, expected, debug),
        OperationCanceledException => "interrupted",
        _ when expected => exception.Message,
        _ => $"unexpected {exception.GetType().Name}: {exception.Message}{(debug ? null : $"; set {DebugVariable}=1 for the stack trace")}",
    };

    private static string OneLine(string message)
        => string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
