namespace Uffd.Snapshots;

/// <summary>What this kernel tells of pages without the mark of the protection.</summary>
internal static class UnmarkedPages
{
    private static readonly Lazy<bool> Found = new(Probe);

    /// <summary>
    /// Whether pages that are nowhere, but have a place in a page table, are among those that <see cref="PageQueries.Unmarked"/> finds: every kernel so far, but none promises it,
    /// so it is tried once.
    /// </summary>
    public static bool AreFoundWhereAbsent => Found.Value;

    private static bool Probe()
    {
        ulong page = (ulong)Environment.SystemPageSize;
        try
        {
            using var memory = MemoryMapping.CreateAnonymous(3 * page);
            memory.AsSpan().Fill(1);
            using var uffd = Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = UffdFeatures.WriteProtectAsync });
            uffd.Register(memory.Range, UffdRegisterModes.WriteProtect);
            using PagemapScan scan = PagemapScan.OpenSelf();
            scan.ScanAll(memory.Range, PageQueries.Whole.PresentAndProtect);
            var middle = new AddressRange(memory.Address + page, page);
            memory.Advise(MemoryAdvice.DontNeed, middle);
            return scan.ScanAll(memory.Range, PageQueries.Whole.Unmarked) is [{ } only] && only.Range == middle;
        }
        catch (UffdException)
        {
            return false; // whoever follows in earnest is told why
        }
    }
}
