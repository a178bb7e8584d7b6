namespace Uffd.Migration;

/// <summary>A migration failed. The message is one line: what failed, where the workload is now, and what to do.</summary>
public sealed class MigrationException : IOException
{
    /// <summary>Creates an exception.</summary>
    /// <param name="message">The whole message.</param>
    public MigrationException(string message)
        : base(OneLine(message))
    {
    }

    /// <summary>Creates an exception around another.</summary>
    /// <param name="message">The whole message.</param>
    /// <param name="innerException">The cause.</param>
    public MigrationException(string message, Exception? innerException)
        : base(OneLine(message), innerException)
    {
    }

    /// <summary>Creates an exception with no message.</summary>
    public MigrationException()
    {
    }

    /// <summary>
    /// Whether the switch may have been made: the workload may run at the destination, and must not be started here unless that is known to have ended. When not, it runs here as it did.
    /// </summary>
    public bool MayHaveMoved { get; init; }

    /// <summary>Messages of streams and landings, which are anyone's, may have several.</summary>
    internal static string OneLine(string message) => message.ReplaceLineEndings(" ");
}
