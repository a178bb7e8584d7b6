using Uffd.Paging;

namespace Uffd.Migration.Tests.Support;

/// <summary>What a landing is told at the switch.</summary>
internal static class LandingSwitch
{
    /// <summary>Reads what is missing and what is lost.</summary>
    /// <param name="told">What tells it.</param>
    /// <param name="pages">Marked by page.</param>
    /// <param name="violations">Told of what must not be.</param>
    /// <param name="region">Its number, for messages.</param>
    /// <returns>The missing pages.</returns>
    public static List<int> Read(IMigratedPages told, LandedPage[] pages, Violations violations, int region)
    {
        ulong length = (ulong)pages.Length * TestMemory.PageBytes;
        if (told.Length != length)
        {
            violations.Add($"region {region} has {length} bytes, and {told.Length} are told at the switch");
        }

        var missing = new List<int>();
        ulong at = 0;
        while (at < length)
        {
            SourceRun run = told.GetRun(at, length - at);
            if (run.Length == 0 || run.Length % TestMemory.PageBytes != 0 || run.Length > length - at)
            {
                violations.Add($"a run of {run.Length} bytes at {at} of region {region} of {length}");
                return missing;
            }

            for (ulong page = at / TestMemory.PageBytes; page < (at + run.Length) / TestMemory.PageBytes; page++)
            {
                if (run.Kind == SourceRunKind.Data)
                {
                    missing.Add((int)page);
                }

                if (run.Kind is SourceRunKind.Data or SourceRunKind.Poisoned)
                {
                    pages[page] = run.Kind == SourceRunKind.Data ? LandedPage.Missing : LandedPage.Poisoned;
                }
                else if (run.Kind != SourceRunKind.Hole)
                {
                    violations.Add($"page {page} of region {region} is told to be {run.Kind}");
                }
            }

            at += run.Length;
        }

        return missing;
    }
}
