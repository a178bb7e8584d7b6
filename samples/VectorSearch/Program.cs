// The nearest neighbours of some vectors among those of a file that is ten times as large as the memory it may take.
//
//   dotnet run -c Release --project samples/VectorSearch
//
// The same is computed from a plain stream, number by number, and the two must agree.
using System.Diagnostics;
using System.Runtime.InteropServices;
using Uffd.Paging;
using VectorSearch;

const int Count = 320_000; // 156 MiB
const int Queries = 8;
const int K = 10;
const ulong Limit = 16 << 20;
string path = Path.GetTempFileName();
try
{
    float[][] queries = Make(path);
    Plain(path, queries, Embedding.Dot); // once for the page cache, so that neither way pays for the disk

    long started = Stopwatch.GetTimestamp();
    Plain(path, queries, Embedding.Dot);
    TimeSpan plain = Stopwatch.GetElapsedTime(started);

    started = Stopwatch.GetTimestamp();
    Nearest[] found = Paged(path, queries);
    TimeSpan paged = Stopwatch.GetElapsedTime(started);

    Nearest[] expected = Plain(path, queries, Embedding.DotPlainly);
    bool isRight = found.Zip(expected).All(pair => pair.First.Ids.SequenceEqual(pair.Second.Ids));
    Console.WriteLine($"nearest to the first: {string.Join(' ', found[0].Ids)}");
    Console.WriteLine($"{Count:N0} vectors, {(long)Count * Marshal.SizeOf<Embedding>() >> 20} MiB in at most {Limit >> 20} MiB of memory, {Queries} queries: {paged.TotalSeconds:0.00} s, a plain stream {plain.TotalSeconds:0.00} s, ratio {paged / plain:0.00}");
    Console.WriteLine(isRight ? "verified: number by number it is the same" : "WRONG: number by number it is not the same");
    return isRight ? 0 : 1;
}
finally
{
    File.Delete(path);
}

static Nearest[] Paged(string path, float[][] queries)
{
    using var region = PagedRegion.OpenReadOnly(FilePageSource.Open(path), new PagedRegionOptions { MemoryLimit = Limit });
    Nearest[] nearest = [.. queries.Select(_ => new Nearest(K))];
    long id = 0;
    foreach (ReadOnlySpan<Embedding> block in region.Memory.AsArray<Embedding>().Blocks())
    {
        Search(MemoryMarshal.Cast<Embedding, float>(block), id, queries, nearest, Embedding.Dot);
        id += block.Length;
    }

    return nearest;
}

static Nearest[] Plain(string path, float[][] queries, Product product)
{
    Nearest[] nearest = [.. queries.Select(_ => new Nearest(K))];
    float[] block = new float[Embedding.Dimensions * 128];
    using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
    for (long id = 0; id < Count;)
    {
        int read = stream.ReadAtLeast(MemoryMarshal.AsBytes(block.AsSpan()), block.Length * sizeof(float), throwOnEndOfStream: false) / sizeof(float);
        Search(block.AsSpan(0, read), id, queries, nearest, product);
        id += read / Embedding.Dimensions;
    }

    return nearest;
}

static void Search(ReadOnlySpan<float> vectors, long first, float[][] queries, Nearest[] nearest, Product product)
{
    for (int at = 0; at < vectors.Length; at += Embedding.Dimensions)
    {
        for (int query = 0; query < queries.Length; query++)
        {
            nearest[query].Add(first + (at / Embedding.Dimensions), product(vectors.Slice(at, Embedding.Dimensions), queries[query]));
        }
    }
}

// Whole numbers of a few bits: sums of their products are exact in whatever order they are made.
static float[][] Make(string path)
{
    var random = new Random(1);
    float[] vector = new float[Embedding.Dimensions];
    using FileStream file = File.Create(path, bufferSize: 1 << 20);
    for (int index = 0; index < Count; index++)
    {
        Fill(random, vector);
        file.Write(MemoryMarshal.AsBytes(vector.AsSpan()));
    }

    return [.. Enumerable.Range(0, Queries).Select(_ =>
    {
        float[] query = new float[Embedding.Dimensions];
        Fill(random, query);
        return query;
    })];
}

static void Fill(Random random, Span<float> vector)
{
    foreach (ref float number in vector)
    {
        number = random.Next(-15, 16);
    }
}
