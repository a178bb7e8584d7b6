using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>Looks for a library of the system before it is first called, to say in one line what is missing.</summary>
internal static class CompressionLibrary
{
    /// <summary>Goes on only if a library can be loaded.</summary>
    /// <param name="file">Its file, as the loader looks for it.</param>
    /// <param name="packages">What brings it, as one says it on a command line.</param>
    /// <exception cref="UffdException">It cannot: says which package brings it.</exception>
    public static void Require(string file, string packages)
    {
        // Never unloaded: the calls that are bound to it stay bound.
        if (!NativeLibrary.TryLoad(file, out _))
        {
            throw new UffdException($"pages cannot be compressed, for the library {file} cannot be loaded: install it ({packages}) or choose another algorithm")
            {
                IsUnavailable = true,
            };
        }
    }
}
