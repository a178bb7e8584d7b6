namespace Uffd.Migration;

/// <summary>A region at the destination.</summary>
internal sealed class DestinationRegion(MigrationRegion region, IMigrationLanding landing, MigratedPages pages, MigrationBase? migrationBase) : IDisposable
{
    public MigrationRegion Region { get; } = region;

    public IMigrationLanding Landing { get; } = landing;

    public MigratedPages Pages { get; } = pages;

    public MigrationBase? Base { get; set; } = migrationBase;

    public void Dispose()
    {
        Pages.Dispose();
        Landing.Dispose();
    }
}
