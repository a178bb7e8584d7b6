using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>
/// The calls of libzstd, in its own spelling. They read and write only within the lengths they are given, whatever the bytes are.
/// None carries <c>SuppressGCTransition</c>: the page may be memory that another pager has yet to fill.
/// </summary>
internal static unsafe partial class ZstdLibrary
{
    public const string File = "libzstd.so.1";
    public const string Packages = "Debian and Ubuntu: apt-get install libzstd1; Fedora: dnf install libzstd; Alpine: apk add zstd-libs";

    [LibraryImport(File, EntryPoint = "ZSTD_createCCtx")]
    public static partial nint CreateCompressor();

    [LibraryImport(File, EntryPoint = "ZSTD_freeCCtx")]
    public static partial nuint FreeCompressor(nint context);

    [LibraryImport(File, EntryPoint = "ZSTD_createDCtx")]
    public static partial nint CreateDecompressor();

    [LibraryImport(File, EntryPoint = "ZSTD_freeDCtx")]
    public static partial nuint FreeDecompressor(nint context);

    [LibraryImport(File, EntryPoint = "ZSTD_compressCCtx")]
    public static partial nuint Compress(SafeHandle context, byte* destination, nuint destinationCapacity, byte* source, nuint sourceLength, int level);

    [LibraryImport(File, EntryPoint = "ZSTD_decompressDCtx")]
    public static partial nuint Decompress(SafeHandle context, byte* destination, nuint destinationCapacity, byte* source, nuint sourceLength);

    [LibraryImport(File, EntryPoint = "ZSTD_isError")]
    public static partial uint IsError(nuint code);
}
