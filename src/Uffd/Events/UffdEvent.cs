using System.Globalization;
using Uffd.Abi;

namespace Uffd;

/// <summary>The kinds of message a userfaultfd delivers.</summary>
public enum UffdEventKind
{
    /// <summary>A thread waits for a page.</summary>
    PageFault = UserfaultfdAbi.UFFD_EVENT_PAGEFAULT,

    /// <summary>The process forked; the child's memory has a userfaultfd of its own now.</summary>
    Fork = UserfaultfdAbi.UFFD_EVENT_FORK,

    /// <summary>A range was moved by mremap().</summary>
    Remap = UserfaultfdAbi.UFFD_EVENT_REMAP,

    /// <summary>Pages are about to be discarded (MADV_DONTNEED, MADV_REMOVE): they read zeros afterwards.</summary>
    Remove = UserfaultfdAbi.UFFD_EVENT_REMOVE,

    /// <summary>A range was unmapped.</summary>
    Unmap = UserfaultfdAbi.UFFD_EVENT_UNMAP,
}

/// <summary>Why a thread waits.</summary>
public enum PageFaultKind
{
    /// <summary>The page is not there.</summary>
    Missing,

    /// <summary>The page is there but write-protected.</summary>
    WriteProtect,

    /// <summary>The page is in the page cache but not mapped.</summary>
    Minor,
}

/// <summary>A thread that waits for a page. One page's faults may be told many times: by each thread, and again after a signal.</summary>
/// <param name="Address">The address: that of the page, or exact with <see cref="UffdFeatures.ExactAddress"/>.</param>
/// <param name="Kind">Why it waits.</param>
/// <param name="IsWrite">Whether it writes.</param>
/// <param name="ThreadId">The thread's id with <see cref="UffdFeatures.ThreadId"/>, else 0.</param>
public readonly record struct PageFault(ulong Address, PageFaultKind Kind, bool IsWrite, uint ThreadId);

/// <summary>
/// One message of a userfaultfd (<c>struct uffd_msg</c>). Which properties mean something depends on <see cref="Kind"/>; the
/// others throw.
/// </summary>
public readonly struct UffdEvent : IEquatable<UffdEvent>
{
    private readonly uffd_msg _message;
    private readonly Userfaultfd? _forked;

    internal UffdEvent(in uffd_msg message, Userfaultfd? forked)
    {
        _message = message;
        _forked = forked;
    }

    /// <summary>What happened. A kind that this library does not know is kept as its number.</summary>
    public UffdEventKind Kind => (UffdEventKind)_message.event_;

    /// <summary>The fault.</summary>
    public PageFault PageFault
    {
        get
        {
            Require(UffdEventKind.PageFault);
            ulong flags = _message.arg_pagefault_flags;
            PageFaultKind kind = (flags & UserfaultfdAbi.UFFD_PAGEFAULT_FLAG_WP) != 0 ? PageFaultKind.WriteProtect
                : (flags & UserfaultfdAbi.UFFD_PAGEFAULT_FLAG_MINOR) != 0 ? PageFaultKind.Minor
                : PageFaultKind.Missing;
            return new PageFault(
                _message.arg_pagefault_address,
                kind,
                (flags & UserfaultfdAbi.UFFD_PAGEFAULT_FLAG_WRITE) != 0,
                _message.arg_pagefault_feat_ptid);
        }
    }

    /// <summary>
    /// The child's userfaultfd. It belongs to whoever reads the event: follow it, or settle what is missing in the child before
    /// disposing it. The child's missing pages read zeros once it is closed.
    /// </summary>
    public Userfaultfd Forked
    {
        get
        {
            Require(UffdEventKind.Fork);
            return _forked!;
        }
    }

    /// <summary>The range that is about to be discarded (Remove) or is no longer mapped (Unmap).</summary>
    public AddressRange Range
    {
        get
        {
            if (Kind != UffdEventKind.Unmap)
            {
                Require(UffdEventKind.Remove);
            }

            return AddressRange.FromBounds(_message.arg_remove_start, _message.arg_remove_end);
        }
    }

    /// <summary>Where the moved range was, with its old length (Remap).</summary>
    public AddressRange RemappedFrom
    {
        get
        {
            Require(UffdEventKind.Remap);
            return new AddressRange(_message.arg_remap_from, _message.arg_remap_len);
        }
    }

    /// <summary>Where the moved range is now (Remap).</summary>
    public ulong RemappedTo
    {
        get
        {
            Require(UffdEventKind.Remap);
            return _message.arg_remap_to;
        }
    }

    /// <summary>Compares the kinds and, for faults, all that is told.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator ==(UffdEvent left, UffdEvent right) => left.Equals(right);

    /// <summary>Compares the kinds and, for faults, all that is told.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator !=(UffdEvent left, UffdEvent right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(UffdEvent other)
        => _message.event_ == other._message.event_
            && _message.arg_pagefault_flags == other._message.arg_pagefault_flags
            && _message.arg_pagefault_address == other._message.arg_pagefault_address
            && _message.arg_remap_len == other._message.arg_remap_len;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is UffdEvent other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_message.event_, _message.arg_pagefault_flags, _message.arg_pagefault_address);

    /// <summary>One line for people.</summary>
    public override string ToString() => Kind switch
    {
        UffdEventKind.PageFault => string.Create(CultureInfo.InvariantCulture, $"PageFault {PageFault.Kind} {(PageFault.IsWrite ? "write" : "read")} at {PageFault.Address:x}"),
        UffdEventKind.Fork => "Fork",
        UffdEventKind.Remap => string.Create(CultureInfo.InvariantCulture, $"Remap {RemappedFrom} to {RemappedTo:x}"),
        UffdEventKind.Remove => $"Remove {Range}",
        UffdEventKind.Unmap => $"Unmap {Range}",
        _ => string.Create(CultureInfo.InvariantCulture, $"unknown event {_message.event_}"),
    };

    private void Require(UffdEventKind kind)
    {
        if (Kind != kind)
        {
            throw new InvalidOperationException($"this is a {Kind} event, not {kind}");
        }
    }
}
