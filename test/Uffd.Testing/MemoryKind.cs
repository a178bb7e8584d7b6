namespace Uffd.Testing;

/// <summary>The kinds of memory that userfaultfd tells apart.</summary>
public enum MemoryKind
{
    /// <summary>Private anonymous memory.</summary>
    Anonymous,

    /// <summary>A memfd, mapped shared.</summary>
    Shmem,

    /// <summary>A memfd, mapped privately.</summary>
    ShmemPrivate,

    /// <summary>Huge pages of 2 MiB (a hugetlb memfd), mapped shared.</summary>
    Hugetlb,

    /// <summary>Huge pages of 2 MiB, mapped privately.</summary>
    HugetlbPrivate,
}

/// <summary>What each kind of memory is like.</summary>
public static class MemoryKinds
{
    public const ulong HugePage = 2UL << 20;

    public static readonly ulong BasePage = (ulong)Environment.SystemPageSize;

    public static bool IsHugetlb(this MemoryKind kind) => kind is MemoryKind.Hugetlb or MemoryKind.HugetlbPrivate;

    public static bool IsShared(this MemoryKind kind) => kind is MemoryKind.Shmem or MemoryKind.Hugetlb;

    public static bool IsAnonymous(this MemoryKind kind) => kind == MemoryKind.Anonymous;

    /// <summary>Whether a write makes a copy of the page that is this process's own.</summary>
    public static bool IsPrivate(this MemoryKind kind) => !kind.IsShared();

    public static ulong PageSize(this MemoryKind kind) => kind.IsHugetlb() ? HugePage : BasePage;

    /// <summary>Enough to tell pages apart, and few where each is 2 MiB.</summary>
    public static int PageCount(this MemoryKind kind) => kind.IsHugetlb() ? 4 : 16;

    /// <summary>The word of the native target for it.</summary>
    public static string Word(this MemoryKind kind) => kind switch
    {
        MemoryKind.Anonymous => "anon",
        MemoryKind.Shmem => "shmem",
        MemoryKind.ShmemPrivate => "shmem-private",
        MemoryKind.Hugetlb => "hugetlb",
        _ => "hugetlb-private",
    };

    /// <summary>The feature bits without which a kernel knows no such faults on this memory.</summary>
    public static UffdFeatures Needs(this MemoryKind kind, UffdRegisterModes modes)
    {
        UffdFeatures features = UffdFeatures.None;
        if (modes.HasFlag(UffdRegisterModes.Missing) && !kind.IsAnonymous())
        {
            features |= kind.IsHugetlb() ? UffdFeatures.MissingHugetlbfs : UffdFeatures.MissingShmem;
        }

        if (modes.HasFlag(UffdRegisterModes.WriteProtect))
        {
            features |= UffdFeatures.PageFaultFlagWriteProtect | (kind.IsAnonymous() ? UffdFeatures.None : UffdFeatures.WriteProtectHugetlbfsShmem);
        }

        if (modes.HasFlag(UffdRegisterModes.Minor))
        {
            features |= kind.IsHugetlb() ? UffdFeatures.MinorHugetlbfs : UffdFeatures.MinorShmem;
        }

        return features;
    }

    /// <summary>What discards the content: punching the object where it is shared, dropping the own copy where it is not.</summary>
    public static MemoryAdvice Discard(this MemoryKind kind)
    {
        if (kind == MemoryKind.HugetlbPrivate)
        {
            Requires.Linux(5, 18, "MADV_DONTNEED on hugetlb memory");
        }

        return kind.IsShared() ? MemoryAdvice.Remove : MemoryAdvice.DontNeed;
    }

    /// <summary>A value for each page, none of them zero, and different for pages that are near.</summary>
    public static byte Value(int page) => (byte)(1 + (page % 250));

    /// <summary>A page full of one value.</summary>
    public static byte[] Page(this MemoryKind kind, byte value)
    {
        byte[] page = new byte[kind.PageSize()];
        page.AsSpan().Fill(value);
        return page;
    }
}
