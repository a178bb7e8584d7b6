using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>What this process can do.</summary>
internal static class OwnCapabilities
{
    /// <summary>Found out once: whether the library is installed does not change.</summary>
    public static WireCapabilities All { get; } = WireCapabilities.Bases | (HasZstd() ? WireCapabilities.Zstd : WireCapabilities.None);

    private static bool HasZstd()
    {
        try
        {
            CompressionLibrary.Require(ZstdLibrary.File, ZstdLibrary.Packages);
            return true;
        }
        catch (UffdException)
        {
            return false;
        }
    }
}
