using System.Runtime.InteropServices;
using Uffd.Abi;
using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Pagemap;

/// <summary>What PAGEMAP_SCAN refuses, and with what.</summary>
public sealed unsafe class ScanArguments : IDisposable
{
    private const ulong Unknown = 1UL << 62;

    private readonly Tracked _tracked = Tracked.Create();
    private readonly page_region* _regions = (page_region*)NativeMemory.Alloc(16, (nuint)sizeof(page_region));

    public void Dispose()
    {
        NativeMemory.Free(_regions);
        _tracked.Dispose();
    }

    [Fact]
    public void Right_argument_is_taken() => Assert.Equal(Errno.None, RawScan.Run(Right()).Errno);

    [Theory]
    [InlineData(0)]
    [InlineData(88)]
    [InlineData(97)]
    public void Another_size_is_refused(ulong size) => Assert.Equal(Errno.EINVAL, RawScan.Run(Right() with { size = size }).Errno);

    [Fact]
    public void Unknown_flag_is_refused() => Assert.Equal(Errno.EINVAL, RawScan.Run(Right() with { flags = Unknown }).Errno);

    [Fact]
    public void Unknown_category_is_refused_in_every_mask()
    {
        Assert.Equal(Errno.EINVAL, RawScan.Run(Right() with { category_mask = Unknown }).Errno);
        Assert.Equal(Errno.EINVAL, RawScan.Run(Right() with { category_inverted = Unknown }).Errno);
        Assert.Equal(Errno.EINVAL, RawScan.Run(Right() with { category_anyof_mask = Unknown }).Errno);
        Assert.Equal(Errno.EINVAL, RawScan.Run(Right() with { return_mask = Unknown }).Errno);
    }

    [Fact]
    public void Start_inside_of_a_page_is_refused() => Assert.Equal(Errno.EINVAL, RawScan.Run(Right() with { start = _tracked.Range.Start + 1 }).Errno);

    [Fact]
    public void Room_that_is_nowhere_is_refused() => Assert.Equal(Errno.EINVAL, RawScan.Run(Right() with { vec = 0 }).Errno);

    [Fact]
    public void Room_that_cannot_be_written_is_a_bad_address()
    {
        _tracked.Write(0);
        using MemoryMapping nowhere = MemoryMapping.CreateAnonymous(MemoryKinds.BasePage, new MemoryMappingOptions { Access = MappingAccess.None });
        Assert.Equal(Errno.EFAULT, RawScan.Run(Right() with { vec = nowhere.Address }).Errno);
    }

    [Fact]
    public void Addresses_of_the_kernel_are_bad()
        => Assert.Equal(Errno.EFAULT, RawScan.Run(Right() with { start = 0xffff_8000_0000_0000, end = 0xffff_8000_0001_0000 }).Errno);

    [Fact]
    public void Argument_that_is_nowhere_is_a_bad_address()
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        Assert.Equal(Errno.EFAULT, RawScan.RunWithout());
    }

    private pm_scan_arg Right() => new()
    {
        size = (ulong)sizeof(pm_scan_arg),
        start = _tracked.Range.Start,
        end = _tracked.Range.End,
        vec = (ulong)_regions,
        vec_len = 16,
        category_mask = PagemapAbi.PAGE_IS_WRITTEN,
        return_mask = PagemapAbi.PAGE_IS_WRITTEN,
    };
}
