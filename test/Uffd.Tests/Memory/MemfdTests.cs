namespace Uffd.Tests.Memory;

/// <summary>Seals hold for whoever has the memfd, and leave private mappings writable.</summary>
public class MemfdTests
{
    private const MemfdSeals All = MemfdSeals.Shrink | MemfdSeals.Grow | MemfdSeals.FutureWrite | MemfdSeals.Seal;

    private static readonly ulong Page = (ulong)Environment.SystemPageSize;

    [Fact]
    public void Sealed_memfd_is_written_by_the_mapping_that_was_there_before_and_by_no_other()
    {
        using var before = MemoryMapping.CreateMemfd("sealed", 2 * Page, new MemoryMappingOptions { Sealable = true });
        Assert.Equal(MemfdSeals.None, Memfd.GetSeals(before.Descriptor!));
        Memfd.Seal(before.Descriptor!, All);
        Assert.Equal(All, Memfd.GetSeals(before.Descriptor!));
        Assert.Equal(2 * Page, Memfd.GetLength(before.Descriptor!));
        Assert.Equal(Errno.EPERM, Assert.Throws<UffdException>(() => MemoryMapping.MapMemfd(before.Descriptor!, 2 * Page)).Errno);
        Assert.Equal(Errno.EPERM, Assert.Throws<UffdException>(() => Memfd.Seal(before.Descriptor!, MemfdSeals.Write)).Errno);
        using var reader = MemoryMapping.MapMemfd(before.Descriptor!, Page, Page, new MemoryMappingOptions { Shared = true, Access = MappingAccess.Read });
        using var copy = MemoryMapping.MapMemfd(before.Descriptor!, 2 * Page, new MemoryMappingOptions { Shared = false });
        before.AsSpan()[(int)Page] = 5;
        Assert.Equal(5, reader.AsSpan()[0]);
        Assert.Equal(5, copy.AsSpan()[(int)Page]);
        copy.AsSpan()[(int)Page] = 6;
        Assert.Equal(5, reader.AsSpan()[0]);
    }

    [Fact]
    public void Memfd_that_was_not_made_for_it_cannot_be_sealed()
    {
        using var mapping = MemoryMapping.CreateMemfd("plain", Page);
        Assert.Equal(MemfdSeals.Seal, Memfd.GetSeals(mapping.Descriptor!));
        Assert.Equal(Errno.EPERM, Assert.Throws<UffdException>(() => Memfd.Seal(mapping.Descriptor!, MemfdSeals.Shrink)).Errno);
    }
}
