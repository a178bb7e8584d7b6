using System.Globalization;
using System.Numerics;

namespace Uffd.Paging;

/// <summary>
/// The pages of an image that somebody touched, in the order of their first touch: what to bring first when the image is served
/// again. It is about which pages, and holds no content.
/// </summary>
/// <seealso cref="WorkingSetRecorder"/>
/// <seealso cref="WorkingSetFile"/>
public sealed class WorkingSet
{
    /// <summary>The most runs a set may have: 64 MiB of them.</summary>
    public const int MaxRuns = 1 << 22;

    private readonly SourceRange[] _runs;

    /// <summary>Creates a set.</summary>
    /// <param name="runs">Offsets in the image in bytes, in order of first touch. Whole pages, none twice.</param>
    /// <param name="pageSize">Bytes; a power of two, at least 4096.</param>
    /// <param name="imageLength">How many bytes the image has; 0 when it is not known.</param>
    /// <exception cref="ArgumentException">They are not such: says why.</exception>
    public WorkingSet(IEnumerable<SourceRange> runs, ulong pageSize = 4096, ulong imageLength = 0)
        : this([.. runs], pageSize, imageLength, FindFault)
    {
    }

    private WorkingSet(SourceRange[] runs, ulong pageSize, ulong imageLength, Func<SourceRange[], ulong, ulong, string?>? check)
    {
        if (check?.Invoke(runs, pageSize, imageLength) is { } fault)
        {
            throw new ArgumentException(fault, nameof(runs));
        }

        _runs = runs;
        PageSize = pageSize;
        ImageLength = imageLength;
        TotalBytes = runs.Aggregate(0UL, (sum, run) => sum + run.Length);
    }

    /// <summary>Runs of bytes of the image, in order of first touch.</summary>
    public IReadOnlyList<SourceRange> Runs => _runs;

    /// <summary>What offsets and lengths are multiples of, in bytes.</summary>
    public ulong PageSize { get; }

    /// <summary>How many bytes the image has that it was recorded of; 0 when that is not known.</summary>
    public ulong ImageLength { get; }

    /// <summary>Bytes of all runs together.</summary>
    public ulong TotalBytes { get; }

    /// <summary>Pages of all runs together.</summary>
    public ulong TotalPages => TotalBytes / PageSize;

    /// <summary>The same pages in order of offset, neighbours merged: for reading them in bulk.</summary>
    public IReadOnlyList<SourceRange> Coalesce() => Coalesce(_runs);

    /// <summary>Tells whether it can be of an image of some length.</summary>
    /// <param name="imageLength">The image's bytes.</param>
    /// <returns>One line that says why not, or null.</returns>
    public string? FindMismatch(ulong imageLength)
    {
        if (ImageLength != 0 && ImageLength != imageLength)
        {
            return string.Create(CultureInfo.InvariantCulture, $"it was recorded of an image of {ImageLength} bytes, and this one has {imageLength}");
        }

        ulong end = _runs.Length == 0 ? 0 : _runs.Max(run => run.End);
        return end > 0 && end - 1 > LastByte(PageSize, imageLength)
            ? string.Create(CultureInfo.InvariantCulture, $"it has pages up to byte {end}, and the image has {imageLength}")
            : null;
    }

    /// <summary>A set that is known to be right.</summary>
    internal static WorkingSet Trusted(SourceRange[] runs, ulong pageSize, ulong imageLength) => new(runs, pageSize, imageLength, check: null);

    /// <summary>Says in one line what is wrong with runs, or null.</summary>
    internal static string? FindFault(SourceRange[] runs, ulong pageSize, ulong imageLength)
    {
        if (!BitOperations.IsPow2(pageSize) || pageSize is < 4096 or > 1UL << 30)
        {
            return string.Create(CultureInfo.InvariantCulture, $"the page size {pageSize} is none");
        }

        if (runs.Length > MaxRuns)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{runs.Length} runs are more than {MaxRuns}");
        }

        ulong last = imageLength == 0 ? ulong.MaxValue : LastByte(pageSize, imageLength);
        foreach (SourceRange run in runs)
        {
            ulong most = ulong.MaxValue - (pageSize - 1); // so that no end wraps around
            if (run.Length == 0 || ((run.Offset | run.Length) & (pageSize - 1)) != 0 || run.Offset >= most || run.Length > most - run.Offset)
            {
                return string.Create(CultureInfo.InvariantCulture, $"the run at {run.Offset} of {run.Length} bytes is not whole pages of {pageSize}");
            }

            if (run.End - 1 > last)
            {
                return string.Create(CultureInfo.InvariantCulture, $"the run at {run.Offset} of {run.Length} bytes lies beyond the image, which has {imageLength}");
            }
        }

        SourceRange[] sorted = [.. runs.OrderBy(run => run.Offset)];
        for (int index = 1; index < sorted.Length; index++)
        {
            if (sorted[index].Offset < sorted[index - 1].End)
            {
                return string.Create(CultureInfo.InvariantCulture, $"the page at {sorted[index].Offset} is in it twice");
            }
        }

        return null;
    }

    /// <summary>Of the image's last page, which it may fill in part.</summary>
    private static ulong LastByte(ulong pageSize, ulong imageLength) => imageLength == 0 ? 0 : (imageLength - 1) | (pageSize - 1);

    private static List<SourceRange> Coalesce(SourceRange[] runs)
    {
        var merged = new List<SourceRange>();
        foreach (SourceRange run in runs.OrderBy(run => run.Offset))
        {
            if (merged.Count > 0 && merged[^1].End == run.Offset)
            {
                merged[^1] = merged[^1] with { Length = merged[^1].Length + run.Length };
            }
            else
            {
                merged.Add(run);
            }
        }

        return merged;
    }
}
