using System.Diagnostics.CodeAnalysis;
using Uffd.Abi;

namespace Uffd;

/// <summary>How <see cref="Userfaultfd.Copy(ulong, ReadOnlySpan{byte}, UffdCopyModes)"/> behaves.</summary>
[Flags]
[SuppressMessage("Design", "CA1028", Justification = "the kernel's field has 64 bits")]
public enum UffdCopyModes : ulong
{
    /// <summary>Copy, then wake who waits.</summary>
    None = 0,

    /// <summary>Wake nobody: a later Wake must.</summary>
    DontWake = UserfaultfdAbi.UFFDIO_COPY_MODE_DONTWAKE,

    /// <summary>Install the page write-protected. Without it a copy over a protected absent page drops the protection.</summary>
    WriteProtect = UserfaultfdAbi.UFFDIO_COPY_MODE_WP,
}

/// <summary>How <see cref="Userfaultfd.ZeroPage"/> behaves.</summary>
[Flags]
[SuppressMessage("Design", "CA1028", Justification = "the kernel's field has 64 bits")]
public enum UffdZeroPageModes : ulong
{
    /// <summary>Map zeros, then wake who waits.</summary>
    None = 0,

    /// <summary>Wake nobody: a later Wake must.</summary>
    DontWake = UserfaultfdAbi.UFFDIO_ZEROPAGE_MODE_DONTWAKE,
}

/// <summary>How <see cref="Userfaultfd.Continue"/> behaves.</summary>
[Flags]
[SuppressMessage("Design", "CA1028", Justification = "the kernel's field has 64 bits")]
public enum UffdContinueModes : ulong
{
    /// <summary>Map, then wake who waits.</summary>
    None = 0,

    /// <summary>Wake nobody: a later Wake must.</summary>
    DontWake = UserfaultfdAbi.UFFDIO_CONTINUE_MODE_DONTWAKE,

    /// <summary>Map write-protected (6.4).</summary>
    WriteProtect = UserfaultfdAbi.UFFDIO_CONTINUE_MODE_WP,
}

/// <summary>How <see cref="Userfaultfd.Poison"/> behaves.</summary>
[Flags]
[SuppressMessage("Design", "CA1028", Justification = "the kernel's field has 64 bits")]
public enum UffdPoisonModes : ulong
{
    /// <summary>Poison, then wake who waits (they get SIGBUS).</summary>
    None = 0,

    /// <summary>Wake nobody: a later Wake must.</summary>
    DontWake = UserfaultfdAbi.UFFDIO_POISON_MODE_DONTWAKE,
}

/// <summary>How <see cref="Userfaultfd.Move"/> behaves.</summary>
[Flags]
[SuppressMessage("Design", "CA1028", Justification = "the kernel's field has 64 bits")]
public enum UffdMoveModes : ulong
{
    /// <summary>Move, then wake who waits; a hole in the source is ENOENT.</summary>
    None = 0,

    /// <summary>Wake nobody: a later Wake must.</summary>
    DontWake = UserfaultfdAbi.UFFDIO_MOVE_MODE_DONTWAKE,

    /// <summary>Skip holes of the source: the destination stays missing there.</summary>
    AllowSourceHoles = UserfaultfdAbi.UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES,
}

/// <summary>What <see cref="Userfaultfd.WriteProtect"/> does.</summary>
[Flags]
[SuppressMessage("Design", "CA1028", Justification = "the kernel's field has 64 bits")]
public enum UffdWriteProtectModes : ulong
{
    /// <summary>Take the protection away, then wake who waits.</summary>
    Unprotect = 0,

    /// <summary>Protect. Not together with <see cref="DontWake"/>.</summary>
    Protect = UserfaultfdAbi.UFFDIO_WRITEPROTECT_MODE_WP,

    /// <summary>Take the protection away and wake nobody: a later Wake must.</summary>
    DontWake = UserfaultfdAbi.UFFDIO_WRITEPROTECT_MODE_DONTWAKE,
}
