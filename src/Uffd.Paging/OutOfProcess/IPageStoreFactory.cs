namespace Uffd.Paging;

/// <summary>
/// Makes a store of one's own in the pager process of a <see cref="RawPagedRegion"/>. The pager process loads the assembly and makes an
/// object of the type, which must be public and have a constructor without parameters.
/// </summary>
public interface IPageStoreFactory
{
    /// <summary>Makes the store.</summary>
    /// <param name="argument">The text of <see cref="StoreDescription.Custom(Type, string)"/>.</param>
    /// <returns>Disposed when the region ends.</returns>
    /// <exception cref="IOException">It cannot be opened: the message is told to whoever starts the region.</exception>
    IPageStore Create(string argument);
}
