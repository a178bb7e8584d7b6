using System.Runtime.InteropServices;

namespace Uffd.Interop;

/// <summary>The calls that give files names.</summary>
internal static unsafe partial class LibC
{
    [LibraryImport(Library, EntryPoint = "linkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int LinkAt(int fromDirectory, string from, int toDirectory, string to, int flags);
}
