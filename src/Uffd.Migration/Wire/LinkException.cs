namespace Uffd.Migration;

/// <summary>The connection is broken: another one may mend it.</summary>
internal sealed class LinkException : IOException
{
    public LinkException(string message)
        : base(message)
    {
    }

    public LinkException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
