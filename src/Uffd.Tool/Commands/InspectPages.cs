using System.Globalization;
using Uffd.Snapshots;

namespace Uffd.Tool.Commands;

/// <summary>Reads pages of a snapshot: all of them to verify it, or some to take them out.</summary>
internal static class InspectPages
{
    private const ulong Chunk = 1 << 20;

    /// <summary>Runs of pages that a snapshot has content of, cut into pieces of a megabyte.</summary>
    public static IEnumerable<SnapshotRun> Chunks(ISnapshot snapshot, Func<SnapshotRegion, SnapshotPageKind, bool> wanted)
        => snapshot.State.Regions
            .Where(region => region.Content != RegionContent.None)
            .SelectMany(region => snapshot.GetRuns(region.Mapping.Range).Where(run => wanted(region, run.Kind)))
            .SelectMany(Cut);

    /// <summary>Reads every stored page, in parents too, which compares it with its checksum.</summary>
    /// <returns>How many bytes.</returns>
    /// <exception cref="InvalidDataException">A page is damaged; its address is told.</exception>
    public static long Verify(ISnapshot snapshot, Action<long> tell, CancellationToken cancellation)
    {
        long bytes = 0;
        var options = new ParallelOptions { MaxDegreeOfParallelism = Math.Clamp(Environment.ProcessorCount, 1, 8), CancellationToken = cancellation };
        try
        {
            Parallel.ForEach(
                Chunks(snapshot, (_, kind) => kind is SnapshotPageKind.Stored or SnapshotPageKind.Parent),
                options,
                () => new byte[Chunk],
                (run, _, buffer) =>
                {
                    snapshot.Read(run.Range.Start, buffer.AsSpan(0, (int)run.Range.Length));
                    Interlocked.Add(ref bytes, (long)run.Range.Length);
                    tell((long)run.Range.Length);
                    return buffer;
                },
                _ => { });
        }
        catch (AggregateException exception)
        {
            // Several threads may have come upon damage: one line is enough.
            throw exception.Flatten().InnerExceptions[0] switch
            {
                InvalidDataException damaged => new InvalidDataException(damaged.Message, damaged),
                var other => new IOException(other.Message, other),
            };
        }

        return bytes;
    }

    /// <summary>Takes bytes out, whole or not at all of each megabyte.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="range">Any addresses.</param>
    /// <param name="take">Receives them in order.</param>
    /// <param name="cancellation">Ends it.</param>
    public static void Extract(ISnapshot snapshot, AddressRange range, ExtractedBytes take, CancellationToken cancellation)
    {
        ulong page = (ulong)snapshot.State.PageSize;
        byte[] buffer = new byte[Chunk + (2 * page)];
        for (ulong at = range.Start; at < range.End;)
        {
            cancellation.ThrowIfCancellationRequested();
            ulong first = at & ~(page - 1);
            ulong end = Math.Min(range.End, first + Chunk);
            ulong pages = ((end - first + page - 1) / page) * page;
            Span<byte> whole = buffer.AsSpan(0, (int)pages);
            try
            {
                snapshot.Read(first, whole);
            }
            catch (EndOfStreamException exception)
            {
                throw new ToolException(ExitCodes.BadInput, string.Create(CultureInfo.InvariantCulture, $"the snapshot does not have all of {first:x}-{first + pages:x}; uffd inspect shows what it has"), exception);
            }

            take(at, whole[(int)(at - first)..(int)(end - first)]);
            at = end;
        }
    }

    private static IEnumerable<SnapshotRun> Cut(SnapshotRun run)
    {
        for (ulong done = 0; done < run.Range.Length; done += Chunk)
        {
            yield return run with { Range = new AddressRange(run.Range.Start + done, Math.Min(Chunk, run.Range.Length - done)) };
        }
    }
}

/// <summary>Takes bytes of a snapshot.</summary>
internal delegate void ExtractedBytes(ulong address, ReadOnlySpan<byte> bytes);
