using System.Runtime.InteropServices;

namespace Uffd.Abi;

/// <summary>
/// Constants of <c>include/uapi/linux/userfaultfd.h</c>, in the kernel's spelling. They are our own because the header
/// of a machine is often older than its kernel. Proved against the C compiler by <c>AbiTests</c>.
/// </summary>
internal static class UserfaultfdAbi
{
    public const ulong UFFD_API = 0xAA;

    public const uint USERFAULTFD_IOC_NEW = 0x0000_AA00;
    public const uint UFFDIO_API = 0xC018_AA3F;
    public const uint UFFDIO_REGISTER = 0xC020_AA00;
    public const uint UFFDIO_UNREGISTER = 0x8010_AA01;
    public const uint UFFDIO_WAKE = 0x8010_AA02;
    public const uint UFFDIO_COPY = 0xC028_AA03;
    public const uint UFFDIO_ZEROPAGE = 0xC020_AA04;
    public const uint UFFDIO_MOVE = 0xC028_AA05;
    public const uint UFFDIO_WRITEPROTECT = 0xC018_AA06;
    public const uint UFFDIO_CONTINUE = 0xC020_AA07;
    public const uint UFFDIO_POISON = 0xC020_AA08;

    public const int _UFFDIO_REGISTER = 0x00;
    public const int _UFFDIO_UNREGISTER = 0x01;
    public const int _UFFDIO_WAKE = 0x02;
    public const int _UFFDIO_COPY = 0x03;
    public const int _UFFDIO_ZEROPAGE = 0x04;
    public const int _UFFDIO_MOVE = 0x05;
    public const int _UFFDIO_WRITEPROTECT = 0x06;
    public const int _UFFDIO_CONTINUE = 0x07;
    public const int _UFFDIO_POISON = 0x08;
    public const int _UFFDIO_API = 0x3F;

    public const int UFFD_USER_MODE_ONLY = 1;

    public const ulong UFFD_FEATURE_PAGEFAULT_FLAG_WP = 1 << 0;
    public const ulong UFFD_FEATURE_EVENT_FORK = 1 << 1;
    public const ulong UFFD_FEATURE_EVENT_REMAP = 1 << 2;
    public const ulong UFFD_FEATURE_EVENT_REMOVE = 1 << 3;
    public const ulong UFFD_FEATURE_MISSING_HUGETLBFS = 1 << 4;
    public const ulong UFFD_FEATURE_MISSING_SHMEM = 1 << 5;
    public const ulong UFFD_FEATURE_EVENT_UNMAP = 1 << 6;
    public const ulong UFFD_FEATURE_SIGBUS = 1 << 7;
    public const ulong UFFD_FEATURE_THREAD_ID = 1 << 8;
    public const ulong UFFD_FEATURE_MINOR_HUGETLBFS = 1 << 9;
    public const ulong UFFD_FEATURE_MINOR_SHMEM = 1 << 10;
    public const ulong UFFD_FEATURE_EXACT_ADDRESS = 1 << 11;
    public const ulong UFFD_FEATURE_WP_HUGETLBFS_SHMEM = 1 << 12;
    public const ulong UFFD_FEATURE_WP_UNPOPULATED = 1 << 13;
    public const ulong UFFD_FEATURE_POISON = 1 << 14;
    public const ulong UFFD_FEATURE_WP_ASYNC = 1 << 15;
    public const ulong UFFD_FEATURE_MOVE = 1 << 16;
    public const ulong UFFD_FEATURE_RWP = 1 << 17;
    public const ulong UFFD_FEATURE_RWP_ASYNC = 1 << 18;

    public const ulong UFFDIO_REGISTER_MODE_MISSING = 1 << 0;
    public const ulong UFFDIO_REGISTER_MODE_WP = 1 << 1;
    public const ulong UFFDIO_REGISTER_MODE_MINOR = 1 << 2;

    public const ulong UFFDIO_COPY_MODE_DONTWAKE = 1 << 0;
    public const ulong UFFDIO_COPY_MODE_WP = 1 << 1;
    public const ulong UFFDIO_ZEROPAGE_MODE_DONTWAKE = 1 << 0;
    public const ulong UFFDIO_WRITEPROTECT_MODE_WP = 1 << 0;
    public const ulong UFFDIO_WRITEPROTECT_MODE_DONTWAKE = 1 << 1;
    public const ulong UFFDIO_CONTINUE_MODE_DONTWAKE = 1 << 0;
    public const ulong UFFDIO_CONTINUE_MODE_WP = 1 << 1;
    public const ulong UFFDIO_POISON_MODE_DONTWAKE = 1 << 0;
    public const ulong UFFDIO_MOVE_MODE_DONTWAKE = 1 << 0;
    public const ulong UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES = 1 << 1;

    public const byte UFFD_EVENT_PAGEFAULT = 0x12;
    public const byte UFFD_EVENT_FORK = 0x13;
    public const byte UFFD_EVENT_REMAP = 0x14;
    public const byte UFFD_EVENT_REMOVE = 0x15;
    public const byte UFFD_EVENT_UNMAP = 0x16;

    public const ulong UFFD_PAGEFAULT_FLAG_WRITE = 1 << 0;
    public const ulong UFFD_PAGEFAULT_FLAG_WP = 1 << 1;
    public const ulong UFFD_PAGEFAULT_FLAG_MINOR = 1 << 2;
}

[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_range
{
    public ulong start;
    public ulong len;
}

[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_api
{
    public ulong api;
    public ulong features;
    public ulong ioctls;
}

[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_register
{
    public uffdio_range range;
    public ulong mode;
    public ulong ioctls;
}

[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_copy
{
    public ulong dst;
    public ulong src;
    public ulong len;
    public ulong mode;
    public long copy;
}

[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_zeropage
{
    public uffdio_range range;
    public ulong mode;
    public long zeropage;
}

[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_writeprotect
{
    public uffdio_range range;
    public ulong mode;
}

[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_continue
{
    public uffdio_range range;
    public ulong mode;
    public long mapped;
}

[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_poison
{
    public uffdio_range range;
    public ulong mode;
    public long updated;
}

[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_move
{
    public ulong dst;
    public ulong src;
    public ulong len;
    public ulong mode;
    public long move;
}

/// <summary>
/// <c>struct uffd_msg</c>: 32 bytes, the event in byte 0, a union from byte 8. The union's members are spelled out as
/// <c>arg_*</c>; which of them mean something depends on <see cref="event_"/>.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct uffd_msg
{
    [FieldOffset(0)] public byte event_;
    [FieldOffset(8)] public ulong arg_pagefault_flags;
    [FieldOffset(16)] public ulong arg_pagefault_address;
    [FieldOffset(24)] public uint arg_pagefault_feat_ptid;
    [FieldOffset(8)] public uint arg_fork_ufd;
    [FieldOffset(8)] public ulong arg_remap_from;
    [FieldOffset(16)] public ulong arg_remap_to;
    [FieldOffset(24)] public ulong arg_remap_len;
    [FieldOffset(8)] public ulong arg_remove_start;
    [FieldOffset(16)] public ulong arg_remove_end;
}
