using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>Who touches the memory: a thread, or a task. It knows what it must read, and writes only where nobody else does.</summary>
internal sealed class Worker(Run run, PagedRegion region, int index, int count)
{
    private static readonly int Page = Environment.SystemPageSize;
    private static readonly byte[] Noise = MakeNoise();

    public Run Run { get; } = run;

    public PagedRegion Region { get; } = region;

    public PagedMemory Memory { get; } = region.Memory;

    public Random Random { get; } = new(unchecked((run.Seed * 1009) + index));

    /// <summary>Room for what is read.</summary>
    public byte[] Buffer { get; } = new byte[Layout.MaxBytes];

    public long Accesses { get; private set; }

    /// <summary>How many bytes to take: mostly few, sometimes many.</summary>
    public int AnyLength() => Random.Next(4) switch
    {
        0 => Random.Next(1, Layout.MaxBytes + 1),
        1 => Random.Next(1, 16 << 10),
        _ => Random.Next(1, 2 * Page),
    };

    /// <summary>How many bytes to take for a while: all workers' together must fit the limit with room to spare.</summary>
    public int ShortLength() => Random.Next(1, 3 * Page);

    /// <summary>Where so many bytes can be read and are known.</summary>
    public long Readable(int length) => Random.Next(16) switch
    {
        < 4 => Place(0, Math.Max(Layout.HotBytes, length), length),
        < 8 => Place(0, Layout.SharedBytes, length),
        8 when length <= Layout.EndBytes => Place(Layout.Length - Layout.EndBytes, Layout.EndBytes, length),
        _ => Writable(length),
    };

    /// <summary>Where so many bytes can be written by this worker.</summary>
    public long Writable(int length)
    {
        int block = index + (Random.Next(Layout.Blocks / count) * count);
        return Place(Layout.SharedBytes + ((long)block * Layout.BlockBytes), Layout.BlockBytes, length);
    }

    /// <summary>Bytes that were not there before, to write.</summary>
    public ReadOnlyMemory<byte> Fresh(int length) => Noise.AsMemory(Random.Next(Noise.Length - length + 1), length);

    public T Fresh<T>()
        where T : unmanaged
        => MemoryMarshal.Read<T>(Fresh(Unsafe.SizeOf<T>()).Span);

    /// <summary>Has so many bytes been read right.</summary>
    public void Check(long offset, ReadOnlySpan<byte> bytes)
    {
        int same = bytes.CommonPrefixLength(Run.Content.Expected.AsSpan((int)offset, bytes.Length));
        if (same < bytes.Length)
        {
            throw new InvalidDataException($"{bytes[same]} was read at offset {offset + same} (of {bytes.Length} bytes from {offset}), and {Run.Content.Expected[offset + same]} is there");
        }

        Accesses++;
    }

    public void Check<T>(long offset, T value)
        where T : unmanaged
        => Check(offset, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    /// <summary>Tells what was written.</summary>
    public void Wrote(long offset, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Run.Content.Expected.AsSpan((int)offset));
        Accesses++;
    }

    public void Wrote<T>(long offset, T value)
        where T : unmanaged
        => Wrote(offset, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    /// <summary>Some ordinary access, for paths whose own calls touch nothing.</summary>
    public void Touch()
    {
        int length = AnyLength();
        long at;
        if (Random.Next(2) == 0)
        {
            at = Writable(length);
            ReadOnlySpan<byte> fresh = Fresh(length).Span;
            Memory.CopyFrom(at, fresh);
            Wrote(at, fresh);
        }
        else
        {
            at = Readable(length);
            Memory.CopyTo(at, Buffer.AsSpan(0, length));
            Check(at, Buffer.AsSpan(0, length));
        }
    }

    private long Place(long start, int size, int length)
    {
        long at = start + Random.Next(size - length + 1);
        if (length < 2 || Random.Next(3) > 0)
        {
            return at;
        }

        long across = ((at + length) / Page * Page) - Random.Next(1, length); // the end of a page inside it
        return across >= start && across + length <= start + size ? across : at;
    }

    private static byte[] MakeNoise()
    {
        byte[] noise = new byte[4 * Layout.MaxBytes];
        new Random(7).NextBytes(noise);
        return noise;
    }
}
