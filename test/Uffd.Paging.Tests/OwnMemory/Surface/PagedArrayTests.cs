using System.Runtime.InteropServices;

namespace Uffd.Paging.Tests;

/// <summary>Paged memory as an array does what an array does, with far less memory than it has elements.</summary>
public sealed class PagedArrayTests
{
    private const int Bytes = 2_100_000; // 8 times the limit, and no whole page at the end

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private record struct Odd(byte First, int Second, short Third); // 7 bytes: crosses pages at every place in turn

    [StructLayout(LayoutKind.Sequential, Size = 5000)]
    private struct Large
    {
        public long First;
    }

    [Fact]
    public Task Random_work_on_bytes_is_that_on_an_array() => Bounded.RunAsync(() => Compare(1, random => (byte)random.Next(256)));

    [Fact]
    public Task Random_work_on_longs_is_that_on_an_array() => Bounded.RunAsync(() => Compare(2, random => random.NextInt64()));

    [Fact]
    public Task Random_work_on_elements_that_cross_pages_is_that_on_an_array()
        => Bounded.RunAsync(() => Compare(3, random => new Odd((byte)random.Next(256), random.Next(), (short)random.Next(short.MaxValue))));

    [Fact]
    public Task Random_work_on_elements_larger_than_a_page_is_that_on_an_array() => Bounded.RunAsync(() => Compare(4, random => new Large { First = random.NextInt64() }));

    [Fact]
    public void Index_whose_product_wraps_around_is_outside()
    {
        Requires.Paging();
        using PagedRegion region = new SurfaceStore(new byte[4096]).Open();
        PagedArray<long> array = region.Memory.AsArray<long>();
        Assert.Equal(512, array.Length);
        foreach (long index in (long[])[-1, 512, 1L << 61, long.MaxValue, long.MinValue])
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => array[index]);
            Assert.Throws<ArgumentOutOfRangeException>(() => array[index] = 1);
            Assert.Throws<ArgumentOutOfRangeException>(() => array.CopyTo(index, new long[1]));
            Assert.Throws<ArgumentOutOfRangeException>(() => array.CopyFrom(index, [1L]));
            Assert.Throws<ArgumentOutOfRangeException>(() => array.Slice(index, 1));
            Assert.Throws<ArgumentOutOfRangeException>(() => array.Lease(index, 1, PageAccess.Read).Dispose());
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => array.Slice(1, long.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => array.Lease(0, 0, PageAccess.Read).Dispose());
        Assert.Throws<ArgumentOutOfRangeException>(() => array.Lease(0, int.MaxValue, PageAccess.Read).Dispose());
        Assert.Equal(0, region.GetStatistics().Leases);
    }

    [Fact]
    public void Memory_that_is_no_whole_elements_is_refused_and_its_part_is_not()
    {
        Requires.Paging();
        using PagedRegion region = new SurfaceStore(new byte[4100]).Open();
        ArgumentException refusal = Assert.Throws<ArgumentException>(() => region.Memory.AsArray<long>());
        Assert.Contains("slice the memory to 4096 bytes", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(512, region.Memory.Slice(0, 4096).AsArray<long>().Length);
        PagedArray<long> behind = region.Memory.Slice(4, 4096).AsArray<long>(); // every 512th crosses a page
        behind[511] = 0x0102030405060708;
        Assert.Equal(0x0102030405060708, region.Memory.Read<long>(4092));
    }

    [Fact]
    public void Empty_array_has_nothing_to_go_through()
    {
        Requires.Paging();
        using PagedRegion region = new SurfaceStore(new byte[4096]).Open();
        PagedArray<int> empty = region.Memory.AsArray<int>().Slice(1024, 0);
        foreach (int element in empty)
        {
            Assert.Fail($"an element {element}");
        }

        empty.Fill(1);
        empty.CopyTo(0, []);
        Assert.Equal(-1, empty.IndexOf(0));
        Assert.Equal(-1, empty.BinarySearch(0));
    }

    [Fact]
    public void Binary_search_finds_what_that_of_arrays_finds()
    {
        Requires.Paging();
        var random = new Random(5);
        (long Key, int Value)[] expected = [.. Enumerable.Range(0, 50_000).Select(_ => (random.Next(1_000_000) * 2L, random.Next(2))).Distinct().Order()];
        using PagedRegion region = new SurfaceStore(MemoryMarshal.AsBytes(expected.AsSpan()).ToArray()).Open();
        PagedArray<(long, int)> array = region.Memory.AsArray<(long, int)>();
        for (int turn = 0; turn < 2000; turn++)
        {
            (long, int) sought = (random.NextInt64(-2, 2_000_002), random.Next(2));
            Assert.Equal(Array.BinarySearch(expected, sought), array.BinarySearch(sought));
        }

        Comparer<(long, int)> reverse = Comparer<(long, int)>.Create((left, right) => right.CompareTo(left));
        Assert.Equal(Array.BinarySearch(expected, (-5, 0), reverse), array.BinarySearch((-5, 0), reverse));
        Assert.Throws<InvalidOperationException>(() => region.Memory.Slice(0, 7).AsArray<Odd>().BinarySearch(default));
    }

    private static void Compare<T>(int seed, Func<Random, T> next)
        where T : unmanaged
    {
        Requires.Paging();
        var random = new Random(seed);
        int size = Marshal.SizeOf<T>();
        T[] expected = new T[Bytes / size];
        var store = new SurfaceStore(new byte[expected.Length * size]);
        using (PagedRegion region = store.Open())
        {
            PagedArray<T> array = region.Memory.AsArray<T>();
            Assert.Equal(expected.Length, array.Length);
            for (int turn = 0; turn < 600; turn++)
            {
                int index = random.Next(expected.Length);
                int count = random.Next(Math.Min(expected.Length - index, Math.Max(2, 200_000 / size)));
                Act(random, next, expected, array, index, count);
            }

            foreach (ReadOnlySpan<T> block in array.Blocks())
            {
                Assert.InRange(block.Length, 1, PagedArray<T>.StepElements);
            }

            int at = 0;
            foreach (T element in array)
            {
                if (!element.Equals(expected[at++]))
                {
                    Assert.Fail($"the element {at - 1} differs");
                }
            }

            Assert.Equal(expected.Length, at);
            Assert.InRange(region.GetStatistics().ResidentBytes, 1UL, SurfaceStore.SmallestLimit);
            Assert.Equal(0, region.GetStatistics().Leases);
        }

        Assert.True(MemoryMarshal.AsBytes(expected.AsSpan()).SequenceEqual(store.Bytes), "what was saved differs");
    }

    private static void Act<T>(Random random, Func<Random, T> next, T[] expected, PagedArray<T> array, int index, int count)
        where T : unmanaged
    {
        switch (random.Next(8))
        {
            case 0:
                T[] copied = new T[count];
                array.CopyTo(index, copied);
                Assert.True(MemoryMarshal.AsBytes(copied.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(expected.AsSpan(index, count))));
                break;
            case 1:
                T[] written = [.. Enumerable.Range(0, count).Select(_ => next(random))];
                array.CopyFrom(index, written);
                written.CopyTo(expected, index);
                break;
            case 2:
                T value = next(random);
                array.Slice(index, count).Fill(value);
                expected.AsSpan(index, count).Fill(value);
                break;
            case 3:
                array.Slice(index, count).Clear();
                expected.AsSpan(index, count).Clear();
                break;
            case 4:
                T sought = random.Next(2) == 0 ? expected[index] : next(random);
                Assert.Equal(Array.IndexOf(expected, sought, index), array.IndexOf(sought, index));
                break;
            case 5 when count > 0 && (ulong)(count * Marshal.SizeOf<T>()) < SurfaceStore.SmallestLimit / 2:
                using (PageLease<T> lease = array.Lease(index, count, PageAccess.Write))
                {
                    Assert.Equal(count, lease.Length);
                    Assert.True(MemoryMarshal.AsBytes(lease.ReadOnlySpan).SequenceEqual(MemoryMarshal.AsBytes(expected.AsSpan(index, count))));
                    lease.Span.Reverse();
                    expected.AsSpan(index, count).Reverse();
                }

                break;
            default:
                Assert.Equal(expected[index], array[index]);
                T one = next(random);
                array[index] = one;
                expected[index] = one;
                break;
        }
    }
}
