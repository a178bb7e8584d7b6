namespace Uffd.Snapshots;

/// <summary>How far a conversion is.</summary>
/// <param name="DoneBytes">Bytes of pages that were looked at.</param>
/// <param name="TotalBytes">Bytes of all regions with content.</param>
public readonly record struct ConversionProgress(ulong DoneBytes, ulong TotalBytes);

/// <summary>What a conversion brought.</summary>
/// <param name="CopiedBytes">Bytes of pages that were read from the snapshot.</param>
/// <param name="FileBytes">Bytes that the core takes in its file.</param>
public readonly record struct ConversionReport(ulong CopiedBytes, long FileBytes);

/// <summary>Makes an ELF core of a snapshot of any format.</summary>
public static class CoreConverter
{
    private const int PieceLength = 4 << 20;

    /// <summary>Writes all that a snapshot holds into a core.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="corePath">The core's name. What has it is replaced in the end, in one step.</param>
    /// <param name="options">How the core is written; null for the defaults.</param>
    /// <param name="progress">Told after each piece; null for nobody.</param>
    /// <param name="cancellation">Ends it; nothing is left under the name then.</param>
    /// <exception cref="InvalidDataException">The snapshot is damaged: no core is made.</exception>
    /// <exception cref="IOException">The core cannot be written.</exception>
    public static ConversionReport Convert(
        ISnapshot snapshot,
        string corePath,
        SnapshotFileOptions? options = null,
        Action<ConversionProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        ProcessState state = snapshot.State;
        AddressRange[] ranges = [.. state.Regions.Where(region => region.Content != RegionContent.None).Select(region => region.Mapping.Range)];
        ulong total = ranges.Aggregate(0UL, (sum, range) => sum + range.Length);
        using ElfCoreWriter writer = ElfCoreWriter.Create(corePath, options, state.PageSize);
        foreach (AddressRange range in ranges)
        {
            writer.Expect(range);
        }

        byte[] buffer = new byte[Math.Max(PieceLength, state.PageSize)];
        ulong done = 0;
        ulong copied = 0;
        foreach (SnapshotRegion region in state.Regions.Where(region => region.Content != RegionContent.None))
        {
            foreach (SnapshotRun run in snapshot.GetRuns(region.Mapping.Range))
            {
                copied += Copy(snapshot, writer, run, region.Content, buffer, cancellation);
                done += run.Range.Length;
                progress?.Invoke(new ConversionProgress(done, total));
            }
        }

        cancellation.ThrowIfCancellationRequested();
        writer.Complete(state);
        return new ConversionReport(copied, writer.StoredBytes);
    }

    private static ulong Copy(ISnapshot snapshot, ElfCoreWriter writer, SnapshotRun run, RegionContent content, byte[] buffer, CancellationToken cancellation)
    {
        bool isStored = run.Kind is SnapshotPageKind.Stored or SnapshotPageKind.Parent;

        // Zeros of a mapping of a file are a change of it, and not what is there without one.
        if (!isStored && !(run.Kind == SnapshotPageKind.Zero && content == RegionContent.Changed))
        {
            return 0;
        }

        for (ulong address = run.Range.Start; address < run.Range.End;)
        {
            cancellation.ThrowIfCancellationRequested();
            Span<byte> piece = buffer.AsSpan(0, (int)Math.Min((ulong)buffer.Length, run.Range.End - address));
            snapshot.Read(address, piece);
            writer.Write(address, piece);
            address += (ulong)piece.Length;
        }

        return isStored ? run.Range.Length : 0;
    }
}
