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
                StoreKind.Memory => new MemoryPageStore(description.Length),
                StoreKind.File when description.IsReadOnly => new ReadOnlyStore(FilePageSource.Open(description.Path!)),
                StoreKind.File => FilePageStore.Open(description.Path!, OptionsOf(description)),
                StoreKind.DirectFile => FilePageStore.Open(description.Path!, OptionsOf(description) with { Direct = true }),
                StoreKind.Layered => OpenLayers(description),
                StoreKind.Custom => OwnStores.Create(description.Path!, description.TypeName!, description.Argument!),
                _ => throw new NotSupportedException($"this pager program has no stores of the kind {description.Kind}"),
            };
        }
        catch (Exception exception) when (exception is not (IOException or OutOfMemoryException)) // a store may be anyone's code
        {
            throw new IOException($"the store cannot be opened: {exception.Message}", exception);
        }
    }

    private static FilePageStoreOptions OptionsOf(StoreDescription description) => new() { Length = description.Length, Create = description.Length > 0 };

    private static LayeredPageStore OpenLayers(StoreDescription description)
    {
        var opened = new List<IDisposable>();
        try
        {
            FilePageSource below = Keep(FilePageSource.Open(description.BasePath!));
            var options = new FilePageStoreOptions { Length = below.Length, Create = true };
            FilePageStore? map = description.MapPath is { } path
                ? Keep(FilePageStore.Open(path, options with { Length = LayeredPageStore.GetMapLength(below.Length) }))
                : null;
            FilePageStore changes = Keep(map is null ? FilePageStore.OpenDiff(description.Path!, options) : FilePageStore.Open(description.Path!, options));
            return new LayeredPageStore(below, changes, map);
        }
        catch
        {
            opened.ForEach(layer => layer.Dispose());
            throw;
        }

        T Keep<T>(T layer)
            where T : IDisposable
        {
            opened.Add(layer);
            return layer;
        }
    }
}
