using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Numerics;

namespace Uffd;

/// <summary>
/// A range of addresses in some process, this one or another: <see cref="Length"/> bytes from <see cref="Start"/>. It never
/// wraps around the end of the address space. It is a pair of numbers and says nothing about what is mapped there.
/// </summary>
public readonly record struct AddressRange
{
    /// <summary>Creates a range.</summary>
    /// <param name="start">The first address.</param>
    /// <param name="length">The length in bytes; zero is an empty range.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range wraps around.</exception>
    public AddressRange(ulong start, ulong length)
    {
        if (length > ulong.MaxValue - start)
        {
            throw new ArgumentOutOfRangeException(nameof(length), length, "the range wraps around the address space");
        }

        Start = start;
        Length = length;
    }

    /// <summary>The first address.</summary>
    public ulong Start { get; }

    /// <summary>The length in bytes.</summary>
    public ulong Length { get; }

    /// <summary>The first address behind the range.</summary>
    public ulong End => Start + Length;

    /// <summary>Whether the range has no bytes.</summary>
    public bool IsEmpty => Length == 0;

    /// <summary>Creates the range from <paramref name="start"/> up to, and without, <paramref name="end"/>.</summary>
    /// <param name="start">The first address.</param>
    /// <param name="end">The first address behind the range.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="end"/> lies before <paramref name="start"/>.</exception>
    public static AddressRange FromBounds(ulong start, ulong end)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(end, start);
        return new AddressRange(start, end - start);
    }

    /// <summary>Whether <paramref name="address"/> lies inside.</summary>
    /// <param name="address">An address.</param>
    public bool Contains(ulong address) => address >= Start && address - Start < Length;

    /// <summary>Whether all of <paramref name="other"/> lies inside.</summary>
    /// <param name="other">Another range.</param>
    public bool Contains(AddressRange other) => other.Start >= Start && other.End <= End;

    /// <summary>Whether the two have a byte in common.</summary>
    /// <param name="other">Another range.</param>
    public bool Overlaps(AddressRange other) => Start < other.End && other.Start < End;

    /// <summary>The part that both have, empty if there is none.</summary>
    /// <param name="other">Another range.</param>
    public AddressRange Intersect(AddressRange other)
    {
        ulong start = Math.Max(Start, other.Start);
        ulong end = Math.Min(End, other.End);
        return end > start ? FromBounds(start, end) : new AddressRange(start, 0);
    }

    /// <summary>Whether both bounds are multiples of <paramref name="alignment"/>.</summary>
    /// <param name="alignment">A power of two, in bytes.</param>
    public bool IsAligned(ulong alignment) => ((Start | Length) & (alignment - 1)) == 0;

    /// <summary>The range without its first <paramref name="bytes"/> bytes.</summary>
    /// <param name="bytes">At most <see cref="Length"/>.</param>
    public AddressRange Skip(ulong bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, Length);
        return new AddressRange(Start + bytes, Length - bytes);
    }

    /// <summary>As in /proc/PID/maps: <c>7f0000000000-7f0000001000</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Start:x}-{End:x}");

    /// <summary>Rounds <paramref name="value"/> up to a multiple of <paramref name="alignment"/>.</summary>
    /// <param name="value">An address or length, at most the largest multiple.</param>
    /// <param name="alignment">A power of two.</param>
    [SuppressMessage("Design", "CA1062", Justification = "numbers")]
    internal static ulong AlignUp(ulong value, ulong alignment)
    {
        System.Diagnostics.Debug.Assert(BitOperations.IsPow2(alignment));
        return checked(value + (alignment - 1)) & ~(alignment - 1);
    }
}
