using Uffd.Paging;

namespace Uffd.PagerProcess;

/// <summary>Opens the store that a client has described.</summary>
internal static class StoreOpener
{
    /// <summary>Opens it.</summary>
    /// <exception cref="IOException">It cannot be opened: the message says why.</exception>
    public static IPageStore Open(StoreDescription description)
    {
        try
        {
            return description.Kind switch
            {
                StoreKind.File when description.IsReadOnly => new ReadOnlyStore(FilePageSource.Open(description.Path!)),
                StoreKind.Custom => OwnStores.Create(description.Path!, description.TypeName!, description.Argument!),
                _ => throw new NotSupportedException($"this pager program has no stores of the kind {description.Kind}"),
            };
        }
        catch (Exception exception) when (exception is not (IOException or OutOfMemoryException)) // a store may be anyone's code
        {
            throw new IOException($"the store cannot be opened: {exception.Message}", exception);
        }
    }
}
