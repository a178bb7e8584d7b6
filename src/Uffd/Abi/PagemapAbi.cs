using System.Runtime.InteropServices;

namespace Uffd.Abi;

/// <summary>Constants of PAGEMAP_SCAN from <c>include/uapi/linux/fs.h</c> (Linux 6.7), in the kernel's spelling.</summary>
internal static class PagemapAbi
{
    public const uint PAGEMAP_SCAN = 0xC060_6610;

    public const ulong PM_SCAN_WP_MATCHING = 1 << 0;
    public const ulong PM_SCAN_CHECK_WPASYNC = 1 << 1;

    public const ulong PAGE_IS_WPALLOWED = 1 << 0;
    public const ulong PAGE_IS_WRITTEN = 1 << 1;
    public const ulong PAGE_IS_FILE = 1 << 2;
    public const ulong PAGE_IS_PRESENT = 1 << 3;
    public const ulong PAGE_IS_SWAPPED = 1 << 4;
    public const ulong PAGE_IS_PFNZERO = 1 << 5;
    public const ulong PAGE_IS_HUGE = 1 << 6;
    public const ulong PAGE_IS_SOFT_DIRTY = 1 << 7;
    public const ulong PAGE_IS_GUARD = 1 << 8;
}

[StructLayout(LayoutKind.Sequential)]
internal struct page_region
{
    public ulong start;
    public ulong end;
    public ulong categories;
}

[StructLayout(LayoutKind.Sequential)]
internal struct pm_scan_arg
{
    public ulong size;
    public ulong flags;
    public ulong start;
    public ulong end;
    public ulong walk_end;
    public ulong vec;
    public ulong vec_len;
    public ulong max_pages;
    public ulong category_inverted;
    public ulong category_mask;
    public ulong category_anyof_mask;
    public ulong return_mask;
}
