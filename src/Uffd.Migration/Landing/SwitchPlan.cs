using System.Runtime.CompilerServices;
using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>What a region is made of at the switch: runs of pages that are as they came, and runs that are still to come.</summary>
internal sealed class SwitchPlan
{
    private readonly List<SourceRange> _there = [];
    private readonly List<SourceRange> _missing = [];

    /// <summary>Asks for all of a region.</summary>
    /// <param name="pages">What is missing.</param>
    /// <param name="length">The region's bytes.</param>
    /// <exception cref="IOException">The answer makes no sense.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // there may be many runs, and it is called once
    public SwitchPlan(IMigratedPages pages, ulong length)
    {
        for (ulong offset = 0; offset < length;)
        {
            SourceRun run = pages.GetRun(offset, length - offset);
            ulong taken = Math.Min(run.Length, length - offset);
            if (taken == 0 || taken % WirePage.Bytes != 0)
            {
                throw new IOException($"what is missing of the region at {offset} is told as {run.Length} bytes, which are not whole pages");
            }

            Add(run.Kind == SourceRunKind.Hole ? _there : _missing, offset, taken);
            offset += taken;
        }
    }

    /// <summary>Runs that are as they came, zeros where nothing did; in order.</summary>
    public IReadOnlyList<SourceRange> There => _there;

    /// <summary>Runs that the source still has, or has lost; in order.</summary>
    public IReadOnlyList<SourceRange> Missing => _missing;

    private static void Add(List<SourceRange> runs, ulong offset, ulong length)
    {
        if (runs.Count > 0 && runs[^1].End == offset)
        {
            runs[^1] = new SourceRange(runs[^1].Offset, runs[^1].Length + length);
        }
        else
        {
            runs.Add(new SourceRange(offset, length));
        }
    }
}
