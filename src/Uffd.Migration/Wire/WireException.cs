namespace Uffd.Migration;

/// <summary>What came is not what was sent, or not what may be sent.</summary>
internal sealed class WireException : IOException
{
    public WireException(string message)
        : base(message)
    {
    }

    public WireException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>
    /// Whether the other side must have meant it: the frame is whole, by its checksums, and says what no peer may say. Otherwise the bytes were damaged on the way, and another
    /// connection may mend it.
    /// </summary>
    public bool IsViolation { get; private init; }

    public static WireException Violation(string message) => new(message) { IsViolation = true };
}
