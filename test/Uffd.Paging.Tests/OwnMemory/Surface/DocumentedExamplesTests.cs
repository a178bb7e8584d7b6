using System.Buffers;
using System.Text.Json;

namespace Uffd.Paging.Tests;

/// <summary>The examples of docs/own-memory.md, word by word: they compile, and do what it says.</summary>
public sealed class DocumentedExamplesTests
{
    [Fact]
    public void Values_and_arrays()
    {
        Requires.Paging();
        using var folder = new TemporaryFolder();
        string path = folder.File("numbers");

        // begin: values
        var store = FilePageStore.Open(path, new FilePageStoreOptions { Create = true, Length = 64 << 20 });
        using var region = PagedRegion.Create(store, new PagedRegionOptions { MemoryLimit = 8 << 20 });

        region.Memory.Write(12_345_672, 42L);             // anywhere, any type without references
        long value = region.Memory.Read<long>(12_345_672);

        PagedArray<int> numbers = region.Memory.AsArray<int>();
        numbers[1_000_000] = 7;
        numbers.Slice(2_000_000, 500_000).Fill(3);

        long sum = 0;
        foreach (ReadOnlySpan<int> block in numbers.Blocks())
        {
            foreach (int number in block)
            {
                sum += number;
            }
        }

        region.Flush();                                   // what was written before is durable now
        // end

        Assert.Equal(42, value);
        Assert.Equal(42 + 7 + (3 * 500_000), sum); // the long is two ints, of which the second is 0
    }

    [Fact]
    public async Task Leases_sequences_and_streams()
    {
        Requires.Paging();
        using var folder = new TemporaryFolder();
        await using var region = PagedRegion.Create(FilePageStore.Open(folder.File("store"), new FilePageStoreOptions { Create = true, Length = 4 << 20 }));
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        using var file = new MemoryStream(Pattern.Bytes(64 << 10));

        // begin: leases
        using (PageLease lease = await region.Memory.LeaseAsync(0, 64 << 10, PageAccess.Write, cancellation))
        {
            await file.ReadExactlyAsync(lease.AsMemory(), cancellation);
        }

        using (var writer = new PagedBufferWriter(region.Memory, 1 << 20))
        using (var json = new Utf8JsonWriter(writer))
        {
            JsonSerializer.Serialize(json, Enumerable.Range(1, 3));
        }

        long end = region.Memory.IndexOf("]"u8, 1 << 20) + 1;
        using LeasedSequence sequence = region.Memory.LeaseSequence(1 << 20, end - (1 << 20));
        int[]? read = Parse(sequence.Sequence);
        // end

        Assert.Equal(Enumerable.Range(1, 3), read!);
        Assert.Equal(Pattern.ByteAt(5), region.Memory.Read<byte>(5));
    }

    private static int[]? Parse(ReadOnlySequence<byte> sequence)
    {
        var reader = new Utf8JsonReader(sequence);
        return JsonSerializer.Deserialize<int[]>(ref reader);
    }
}
