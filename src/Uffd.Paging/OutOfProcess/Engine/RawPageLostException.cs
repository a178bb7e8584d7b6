namespace Uffd.Paging;

/// <summary>The store knows that a page is lost: asking again does not help.</summary>
internal sealed class RawPageLostException : IOException
{
    public RawPageLostException()
        : base("the store knows that it is lost")
    {
    }

    public RawPageLostException(string message)
        : base(message)
    {
    }

    public RawPageLostException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
