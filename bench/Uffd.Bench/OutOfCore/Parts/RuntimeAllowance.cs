namespace Uffd.Bench;

/// <summary>
/// What our side may have beside its region, because a runtime has a heap, a compiler and threads, and a program in C has not. It is
/// twice what a runtime was seen to take that does nothing, for one at work compiles more, and at least 32 MiB (not in the self-check,
/// where the page cache would have them).
/// </summary>
internal static class RuntimeAllowance
{
    private const long Mebibyte = 1L << 20;
    private const long Least = 32 * Mebibyte;

    public static async Task<long> OfAsync(OutOfCoreBench bench)
    {
        if (bench.RuntimeAllowance == 0)
        {
            var idle = await bench.RunOursAsync(long.MaxValue >> 12 << 12, ChildOptions.Idle);
            bench.RuntimeAllowance = Math.Max(bench.Options.SelfCheck ? 0 : Least, (2 * idle.Peak / Mebibyte * Mebibyte) + Mebibyte);
            bench.Note($"an idle runtime takes {idle.Peak / 1048576.0:0.0} MiB; our side may have {bench.RuntimeAllowance / Mebibyte} MiB beside the region's limit, mmap nothing beside it");
        }

        return bench.RuntimeAllowance;
    }
}
