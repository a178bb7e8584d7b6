using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>
/// The calls of liblz4, in its own spelling. They read and write only within the lengths they are given, whatever the bytes are.
/// None carries <c>SuppressGCTransition</c>: the page may be memory that another pager has yet to fill.
/// </summary>
internal static unsafe partial class Lz4Library
{
    public const string File = "liblz4.so.1";
    public const string Packages = "Debian and Ubuntu: apt-get install liblz4-1; Fedora: dnf install lz4-libs; Alpine: apk add lz4-libs";

    [LibraryImport(File, EntryPoint = "LZ4_sizeofState")]
    public static partial int SizeOfState();

    [LibraryImport(File, EntryPoint = "LZ4_sizeofStateHC")]
    public static partial int SizeOfStateHighCompression();

    [LibraryImport(File, EntryPoint = "LZ4_compress_fast_extState")]
    public static partial int CompressFast(SafeHandle state, byte* source, byte* destination, int sourceLength, int destinationCapacity, int acceleration);

    [LibraryImport(File, EntryPoint = "LZ4_compress_HC_extStateHC")]
    public static partial int CompressHigh(SafeHandle state, byte* source, byte* destination, int sourceLength, int destinationCapacity, int level);

    [LibraryImport(File, EntryPoint = "LZ4_decompress_safe")]
    public static partial int Decompress(byte* source, byte* destination, int sourceLength, int destinationCapacity);
}
