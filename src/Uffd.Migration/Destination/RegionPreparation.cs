namespace Uffd.Migration;

/// <summary>Checks what a source announces, and gives each region its landing.</summary>
internal sealed class RegionPreparation(MigrationDestinationOptions options, RequestTable requests, Tally tally)
{
    /// <summary>All regions, or none.</summary>
    /// <exception cref="IOException">There are too many, they are too long, or one was refused.</exception>
    public IReadOnlyList<DestinationRegion> Make(HelloMessage hello, WireLink link)
    {
        tally.TotalBytes = CheckSizes(hello.Regions);
        int concurrency = MigratedPages.ConcurrencyFor(options.WindowBytes, link.FirstBulk == 0 ? 1 : 2);
        var made = new List<DestinationRegion>();
        try
        {
            foreach (HelloRegion each in hello.Regions)
            {
                var region = new MigrationRegion(made.Count, each.Name, each.Length);
                IMigrationLanding landing = options.Land(region); // first: what it refuses costs no memory
                made.Add(new DestinationRegion(region, landing, new MigratedPages(region, requests, tally, concurrency), FindBase(each.BaseName)));
            }

            return made;
        }
        catch
        {
            made.ForEach(region => region.Dispose());
            throw;
        }
    }

    private ulong CheckSizes(IReadOnlyList<HelloRegion> regions)
    {
        if (regions.Count > options.MaxRegions)
        {
            throw new IOException($"{regions.Count} regions are to be moved here, and {options.MaxRegions} are allowed");
        }

        ulong total = 0;
        foreach (HelloRegion region in regions)
        {
            if (region.Length > options.MaxBytes - total)
            {
                throw new IOException($"the regions have more than the {options.MaxBytes} bytes that are allowed here");
            }

            total += region.Length;
        }

        return total;
    }

    private MigrationBase? FindBase(string name)
        => name.Length == 0 ? null : options.Bases.FirstOrDefault(candidate => string.Equals(candidate.Name, name, StringComparison.Ordinal));
}
