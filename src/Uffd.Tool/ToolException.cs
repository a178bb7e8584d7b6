namespace Uffd.Tool;

/// <summary>
/// A verb cannot go on, for a reason it understands. The message is printed as one line and the process ends with the status.
/// Exceptions of the libraries need no wrapping: <see cref="Failure"/> knows them.
/// </summary>
internal sealed class ToolException : Exception
{
    /// <summary>Creates an exception.</summary>
    /// <param name="exitCode">One of <see cref="ExitCodes"/>.</param>
    /// <param name="message">What is wrong and what to do, in one line.</param>
    public ToolException(int exitCode, string message)
        : base(message)
        => ExitCode = exitCode;

    /// <summary>Creates an exception around another.</summary>
    /// <param name="exitCode">One of <see cref="ExitCodes"/>.</param>
    /// <param name="message">What is wrong and what to do, in one line.</param>
    /// <param name="innerException">The cause, shown when debugging.</param>
    public ToolException(int exitCode, string message, Exception innerException)
        : base(message, innerException)
        => ExitCode = exitCode;

    /// <summary>The status to end with.</summary>
    public int ExitCode { get; }
}
