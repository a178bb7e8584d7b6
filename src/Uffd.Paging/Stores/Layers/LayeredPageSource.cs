namespace Uffd.Paging;

/// <summary>
/// A base and sparse layers over it, such as a memory image and the diffs that were taken of it since. Where a layer has a hole,
/// what is below it shows through; all else of it counts, its zeros and what is lost of it too. Decided byte by byte: a layer's
/// data need not be whole pages.
/// </summary>
public sealed class LayeredPageSource : IPrioritizedPageSource
{
    private readonly IPageSource[] _layers; // the newest first, the base last
    private readonly bool _ownsLayers;

    /// <summary>Puts layers over a base.</summary>
    /// <param name="baseSource">What is served where no layer has anything.</param>
    /// <param name="diffs">The layers, the newest last. None is as good as the base alone.</param>
    /// <param name="ownsLayers">Whether disposing this disposes the base and the layers.</param>
    /// <exception cref="ArgumentException">A layer is shorter or longer than the base.</exception>
    public LayeredPageSource(IPageSource baseSource, IReadOnlyList<IPageSource> diffs, bool ownsLayers = true)
    {
        ArgumentNullException.ThrowIfNull(baseSource);
        ArgumentNullException.ThrowIfNull(diffs);
        for (int index = 0; index < diffs.Count; index++)
        {
            ArgumentNullException.ThrowIfNull(diffs[index], nameof(diffs));
            if (diffs[index].Length != baseSource.Length)
            {
                throw new ArgumentException($"layer {index + 1} has {diffs[index].Length} bytes and the base {baseSource.Length}: it is not of this base", nameof(diffs));
            }
        }

        _layers = [.. diffs.Reverse(), baseSource];
        _ownsLayers = ownsLayers;
        Length = baseSource.Length;
        Concurrency = _layers.Select(layer => layer.Concurrency).Where(limit => limit > 0).DefaultIfEmpty(0).Min();
    }

    /// <inheritdoc/>
    public ulong Length { get; }

    /// <summary>That of the layer with the least, quick ones apart, for all of a number of reads may be of one layer. 0 if all are quick.</summary>
    public int Concurrency { get; }

    /// <summary>Opens an image and sparse files over it, as Firecracker writes its diff snapshots.</summary>
    /// <param name="basePath">The image.</param>
    /// <param name="diffPaths">The sparse files, the newest last: each as long as the image. A file without holes hides all below it.</param>
    /// <exception cref="IOException">A file is missing, a folder, empty, or cannot be read, or its holes cannot be found. The message says which.</exception>
    /// <exception cref="InvalidDataException">A file is shorter or longer than the image.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    public static LayeredPageSource OpenFiles(string basePath, IEnumerable<string> diffPaths)
    {
        ArgumentNullException.ThrowIfNull(diffPaths);
        var opened = new List<FilePageSource>();
        try
        {
            FilePageSource image = FilePageSource.Open(basePath);
            opened.Add(image);
            foreach (string path in diffPaths)
            {
                FilePageSource diff = FilePageSource.OpenDiff(path);
                opened.Add(diff);
                if (diff.Length != image.Length)
                {
                    throw new InvalidDataException($"the diff {path} has {diff.Length} bytes and the image {basePath} {image.Length}: it is not of this image");
                }
            }

            return new LayeredPageSource(image, opened[1..]);
        }
        catch
        {
            opened.ForEach(file => file.Dispose());
            throw;
        }
    }

    /// <inheritdoc/>
    public SourceRun GetRun(ulong offset, ulong length) => GetRun(offset, length, out _);

    /// <inheritdoc/>
    /// <remarks>Only where all of the bytes are one layer's.</remarks>
    public DirectAccess GetDirect(ulong offset, ulong length, out ulong address)
    {
        // Behind the end no layer has anything, and all have zeros.
        ulong counted = offset < Length ? Math.Min(length, Length - offset) : length;
        foreach (IPageSource layer in _layers.AsSpan(0, _layers.Length - 1))
        {
            switch (GetCover(layer, offset, counted))
            {
                case Cover.All:
                    return layer.GetDirect(offset, length, out address);
                case Cover.Some:
                    address = 0;
                    return DirectAccess.None;
                default:
                    break;
            }
        }

        return _layers[^1].GetDirect(offset, length, out address);
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> destination)
    {
        int available = this.AvailableAt(offset, destination.Length);
        for (int done = 0; done < available;)
        {
            LayerPiece piece = GetPiece(offset, done, available);
            Span<byte> part = destination.Slice(piece.Start, piece.Length);
            if (piece.Layer == LayerPiece.Zeros)
            {
                part.Clear();
            }
            else
            {
                _layers[piece.Layer].Read(offset + (ulong)piece.Start, part);
            }

            done = piece.End;
        }

        destination[available..].Clear();
    }

    /// <inheritdoc/>
    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => ReadAsync(offset, destination, isAwaited: true, cancellation);

    /// <inheritdoc/>
    /// <remarks>Told to the layers that want to know.</remarks>
    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, bool isAwaited, CancellationToken cancellation)
    {
        int available = this.AvailableAt(offset, destination.Length);
        var pieces = new List<LayerPiece>();
        for (int done = 0; done < available; done = pieces[^1].End)
        {
            pieces.Add(GetPiece(offset, done, available));
        }

        // From the base up: what is read between two pieces of a layer is covered by those above it.
        for (int layer = _layers.Length - 1; layer >= 0; layer--)
        {
            foreach (LayerSpan span in LayerSpan.Of(pieces, layer, join: _layers[layer].Concurrency > 0))
            {
                await ReadSpanAsync(_layers[layer], pieces, span, offset, destination, isAwaited, cancellation).ConfigureAwait(false);
            }
        }

        foreach (LayerPiece piece in pieces.Where(piece => piece.Layer == LayerPiece.Zeros))
        {
            destination.Span.Slice(piece.Start, piece.Length).Clear();
        }

        destination.Span[available..].Clear();
    }

    /// <inheritdoc/>
    public void Expedite(ulong offset, int length)
    {
        foreach (IPageSource layer in _layers)
        {
            (layer as IPrioritizedPageSource)?.Expedite(offset, length);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_ownsLayers)
        {
            foreach (IPageSource layer in _layers)
            {
                layer.Dispose();
            }
        }
    }

    private static async ValueTask ReadSpanAsync(
        IPageSource layer, List<LayerPiece> pieces, LayerSpan span, ulong offset, Memory<byte> destination, bool isAwaited, CancellationToken cancellation)
    {
        try
        {
            await layer.ReadAnyAsync(offset + (ulong)span.Start, destination[span.Start..span.End], cancellation, isAwaited).ConfigureAwait(false);
            return;
        }
        catch (Exception) when (span.Last > span.First && !cancellation.IsCancellationRequested)
        {
            // Perhaps only what lies between them cannot be had, which nobody wants.
        }

        foreach (LayerPiece piece in pieces[span.First..(span.Last + 1)].Where(piece => piece.Layer == pieces[span.First].Layer))
        {
            await layer.ReadAnyAsync(offset + (ulong)piece.Start, destination.Slice(piece.Start, piece.Length), cancellation, isAwaited).ConfigureAwait(false);
        }
    }

    private LayerPiece GetPiece(ulong offset, int start, int end)
    {
        SourceRun run = GetRun(offset + (ulong)start, (ulong)(end - start), out int layer);
        return run.Kind switch
        {
            SourceRunKind.Poisoned => throw new IOException($"the content of {run.Length} bytes at {offset + (ulong)start} is lost"),
            SourceRunKind.Data => new LayerPiece(start, (int)run.Length, layer),
            _ => new LayerPiece(start, (int)run.Length, LayerPiece.Zeros),
        };
    }

    /// <summary>The run at an offset, and the layer that it is of.</summary>
    private SourceRun GetRun(ulong offset, ulong length, out int layer)
    {
        SourceRun run = default;
        for (layer = 0; layer < _layers.Length; layer++)
        {
            run = Ask(_layers[layer], offset, length);
            if (run.Kind != SourceRunKind.Hole)
            {
                break;
            }

            length = run.Length; // what is below may be of one kind for longer, but is hidden there
        }

        return run;
    }

    private static Cover GetCover(IPageSource layer, ulong offset, ulong length)
    {
        SourceRun run = Ask(layer, offset, length);
        bool hole = run.Kind == SourceRunKind.Hole;
        for (ulong done = run.Length; done < length && run.Kind != SourceRunKind.Poisoned; done += run.Length)
        {
            run = Ask(layer, offset + done, length - done);
            if ((run.Kind == SourceRunKind.Hole) != hole)
            {
                return Cover.Some;
            }
        }

        return run.Kind == SourceRunKind.Poisoned ? Cover.Some : hole ? Cover.None : Cover.All;
    }

    /// <summary>A layer's answer, which is never longer than was asked nor empty, whoever wrote it.</summary>
    private static SourceRun Ask(IPageSource layer, ulong offset, ulong length)
    {
        SourceRun run = layer.GetRun(offset, length);
        return run.Length > 0 || length == 0
            ? run with { Length = Math.Min(run.Length, length) }
            : throw new IOException($"a layer says nothing of the bytes at {offset}");
    }

    /// <summary>How much of some bytes a layer has.</summary>
    private enum Cover
    {
        None,
        Some,
        All,
    }
}
