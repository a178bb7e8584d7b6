using System.Globalization;

namespace Uffd.Tool.Output;

/// <summary>
/// A map of where and when memory was written. A row is an equal part of the address space that is in use, holes left out; a column is a sample; a cell is the
/// share of the row's bytes that was written in it.
/// </summary>
internal sealed class TrackHeat
{
    /// <summary>How finely the address space is cut.</summary>
    public const ulong Piece = 2 << 20;

    /// <summary>The highest level: all of the row was written.</summary>
    public const int Levels = 8;

    private readonly double[][] _shares;

    private TrackHeat(IReadOnlyList<string> labels, double[][] shares)
    {
        Labels = labels;
        _shares = shares;
    }

    /// <summary>The address at which each row begins.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>The samples, the oldest first.</summary>
    public int Columns => _shares.Length == 0 ? 0 : _shares[0].Length;

    /// <summary>The share of a row that was written in a sample, from 0 to 1.</summary>
    public double ShareOf(int row, int column) => _shares[row][column];

    /// <summary>The share as one of <see cref="Levels"/> steps, 0 for none: by its root, because most processes write little of what they have.</summary>
    public int LevelOf(int row, int column) => _shares[row][column] is var share && share <= 0 ? 0 : Math.Clamp((int)Math.Ceiling(Math.Sqrt(share) * Levels), 1, Levels);

    /// <summary>The pieces that a range lies in, with how many of its bytes.</summary>
    public static IEnumerable<(ulong Piece, ulong Bytes)> PiecesOf(AddressRange range)
    {
        for (ulong at = range.Start; at < range.End;)
        {
            ulong piece = at / Piece;
            ulong end = piece == ulong.MaxValue / Piece ? range.End : Math.Min(range.End, (piece + 1) * Piece);
            yield return (piece, end - at);
            at = end;
        }
    }

    /// <summary>The addresses of a piece.</summary>
    public static AddressRange RangeOf(ulong piece) => new(piece * Piece, Math.Min(Piece, ulong.MaxValue - (piece * Piece)));

    /// <summary>Draws it up.</summary>
    /// <param name="pieces">The pieces in use, in order, with how many bytes of each.</param>
    /// <param name="columns">Bytes written of pieces, by sample.</param>
    /// <param name="rows">Rows, at most.</param>
    public static TrackHeat Of(IReadOnlyDictionary<ulong, ulong> pieces, IReadOnlyList<IReadOnlyDictionary<ulong, ulong>> columns, int rows)
    {
        ulong[] keys = [.. pieces.Keys];
        int count = Math.Min(Math.Max(1, rows), keys.Length);
        var labels = new string[count];
        double[][] shares = new double[count][];
        for (int row = 0; row < count; row++)
        {
            // As even as whole pieces allow.
            ulong[] part = keys[(int)((long)row * keys.Length / count)..(int)((long)(row + 1) * keys.Length / count)];
            double total = part.Sum(piece => (double)pieces[piece]);
            labels[row] = (part[0] * Piece).ToString("x12", CultureInfo.InvariantCulture);
            shares[row] = [.. columns.Select(column => total <= 0 ? 0 : Math.Min(1, part.Sum(piece => (double)column.GetValueOrDefault(piece)) / total))];
        }

        return new TrackHeat(labels, shares);
    }
}
