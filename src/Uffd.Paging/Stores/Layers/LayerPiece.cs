namespace Uffd.Paging;

/// <summary>A piece of a read, and the layer whose bytes belong there.</summary>
/// <param name="Start">Where it begins, from the start of the read.</param>
/// <param name="Length">Its bytes.</param>
/// <param name="Layer">The layer, 0 the newest; <see cref="Zeros"/> where there is nothing to be read.</param>
internal readonly record struct LayerPiece(int Start, int Length, int Layer)
{
    /// <summary>Not a layer's, but zeros.</summary>
    public const int Zeros = -1;

    /// <summary>The byte behind it.</summary>
    public int End => Start + Length;
}

/// <summary>Pieces of one layer that are read at once, and what lies between them too.</summary>
/// <param name="First">The index of the first.</param>
/// <param name="Last">The index of the last.</param>
/// <param name="Start">Where it begins, from the start of the read.</param>
/// <param name="End">The byte behind it.</param>
internal readonly record struct LayerSpan(int First, int Last, int Start, int End)
{
    /// <summary>The most bytes that are read for nothing to save a read: a few pages cost a slow source less than another answer.</summary>
    private const int LargestGap = 64 << 10;

    /// <summary>
    /// What to read of a layer. Pieces are joined where only newer layers' bytes lie between them: these are put over it later, for
    /// layers are read from the base up. Without <paramref name="join"/> each piece is a span.
    /// </summary>
    public static IEnumerable<LayerSpan> Of(List<LayerPiece> pieces, int layer, bool join)
    {
        LayerSpan? open = null;
        for (int index = 0; index < pieces.Count; index++)
        {
            LayerPiece piece = pieces[index];
            if (piece.Layer == layer)
            {
                if (open is { } span && piece.Start - span.End <= LargestGap)
                {
                    open = span with { Last = index, End = piece.End };
                    continue;
                }

                if (open is { } before)
                {
                    yield return before;
                }

                open = new LayerSpan(index, index, piece.Start, piece.End);
            }

            if (open is { } done && (!join || piece.Layer > layer))
            {
                yield return done;
                open = null;
            }
        }

        if (open is { } last)
        {
            yield return last;
        }
    }
}
