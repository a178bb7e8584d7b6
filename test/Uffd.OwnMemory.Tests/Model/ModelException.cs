namespace Uffd.Paging.OwnMemory.Tests.Model;

/// <summary>The region is not what the model says.</summary>
public sealed class ModelException : Exception
{
    public ModelException()
    {
    }

    public ModelException(string message)
        : base(message)
    {
    }

    public ModelException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
