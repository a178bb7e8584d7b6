using Uffd.Paging;

namespace Uffd.Tool.OutOfCore;

/// <summary>The demo's file as a store: past the page cache, so that the limit holds for all of its memory, where the file system can.</summary>
internal static class OutOfCoreStore
{
    /// <summary>Opens it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isDirect">Whether it goes past the page cache.</param>
    public static FilePageStore Open(string path, out bool isDirect)
    {
        isDirect = true;
        try
        {
            return FilePageStore.Open(path, new FilePageStoreOptions { Direct = true });
        }
        catch (IOException)
        {
            isDirect = false;
            return FilePageStore.Open(path); // what else is wrong with the file is said here
        }
    }
}
