using Uffd.Abi;
using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Rules;

/// <summary>The two answers of an operation: the call's, and the signed field that it wrote, or did not.</summary>
public sealed class Results
{
    /// <summary>What no kernel writes.</summary>
    private const long Untouched = 12345;

    [Fact]
    public void Success_is_the_length()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        using MemoryMapping source = Source(area);
        Assert.Equal((Errno.None, (long)area.PageSize), Copy(area, 0, 1, source.Address));
        Assert.Equal((Errno.None, (long)area.PageSize), Zero(area, 1, 1));
    }

    [Fact]
    public void Page_that_is_there_is_EEXIST_in_both()
    {
        using Area area = Area.Create(MemoryKind.Anonymous, features: UffdFeatures.Poison);
        using MemoryMapping source = Source(area);
        area.Userfaultfd.ZeroPage(area.PageAt(0)).ThrowIfIncomplete();
        Assert.Equal((Errno.EEXIST, -(long)Errno.EEXIST), Copy(area, 0, 1, source.Address));
        Assert.Equal((Errno.EEXIST, -(long)Errno.EEXIST), Zero(area, 0, 1));
        Assert.Equal((Errno.EEXIST, -(long)Errno.EEXIST), RawOperation.Run(area.Userfaultfd, new uffdio_poison { range = Range(area, 0, 1), updated = Untouched }));
    }

    [Fact]
    public void Part_that_was_done_is_positive_with_EAGAIN_and_the_rest_can_be_gone_on_with()
    {
        using Area area = Area.Create(MemoryKind.Anonymous, features: UffdFeatures.Poison);
        using MemoryMapping source = Source(area);
        area.Userfaultfd.ZeroPage(area.PageAt(2)).ThrowIfIncomplete();
        area.Userfaultfd.ZeroPage(area.PageAt(6)).ThrowIfIncomplete();
        area.Userfaultfd.ZeroPage(area.PageAt(10)).ThrowIfIncomplete();
        long two = 2 * (long)area.PageSize;
        Assert.Equal((Errno.EAGAIN, two), Copy(area, 0, 4, source.Address));
        Assert.Equal((Errno.EEXIST, -(long)Errno.EEXIST), Copy(area, 2, 2, source.Address));
        Assert.Equal((Errno.None, (long)area.PageSize), Copy(area, 3, 1, source.Address));
        Assert.Equal((Errno.EAGAIN, two), Zero(area, 4, 4));
        Assert.Equal((Errno.EAGAIN, two), RawOperation.Run(area.Userfaultfd, new uffdio_poison { range = Range(area, 8, 4) }));
    }

    [Fact]
    public void Range_outside_of_one_registered_mapping_is_ENOENT()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        using MemoryMapping source = Source(area);
        area.Userfaultfd.Unregister(area.PageAt(4, 12)).ThrowIfIncomplete();
        Assert.Equal((Errno.ENOENT, -(long)Errno.ENOENT), Copy(area, 4, 1, source.Address));
        Assert.Equal((Errno.ENOENT, -(long)Errno.ENOENT), Copy(area, 2, 4, source.Address)); // reaches over its end
        Assert.Equal((Errno.ENOENT, -(long)Errno.ENOENT), Zero(area, 4, 1));
        Assert.Equal((Errno.None, 2 * (long)area.PageSize), Copy(area, 2, 2, source.Address));
    }

    [Fact]
    public void Source_that_cannot_be_read_is_EFAULT()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        using MemoryMapping source = Source(area);
        source.Protect(MappingAccess.None);
        Assert.Equal((Errno.EFAULT, -(long)Errno.EFAULT), Copy(area, 0, 1, source.Address));
    }

    [Fact]
    public async Task Source_need_not_be_aligned()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        using MemoryMapping source = Source(area);
        source.AsSpan(area.PageSize, 1)[0] = 99; // not registered
        Assert.Equal((Errno.None, (long)area.PageSize), Copy(area, 0, 1, source.Address + 1));
        Assert.Equal(99, await NativeTouch.ReadByteAsync(area.PageAt(1).Start - 1));
    }

    [Fact]
    public void Early_refusal_does_not_write_the_field()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        using MemoryMapping source = Source(area);
        ulong start = area.Range.Start;
        (Errno, long) refused = (Errno.EINVAL, Untouched);
        Assert.Equal(refused, RawOperation.Run(area.Userfaultfd, new uffdio_copy { dst = start + 1, src = source.Address, len = area.PageSize, copy = Untouched }));
        Assert.Equal(refused, RawOperation.Run(area.Userfaultfd, new uffdio_copy { dst = start, src = source.Address, len = area.PageSize - 1, copy = Untouched }));
        Assert.Equal(refused, RawOperation.Run(area.Userfaultfd, new uffdio_copy { dst = start, src = source.Address, len = 0, copy = Untouched }));
        Assert.Equal(refused, RawOperation.Run(area.Userfaultfd, new uffdio_copy { dst = start, src = source.Address, len = area.PageSize, mode = 1UL << 63, copy = Untouched }));
        Assert.Equal(refused, RawOperation.Run(area.Userfaultfd, new uffdio_zeropage { range = new uffdio_range { start = start + 1, len = area.PageSize }, zeropage = Untouched }));
        Assert.Equal(refused, RawOperation.Run(area.Userfaultfd, new uffdio_zeropage { range = Range(area, 0, 1), mode = 1UL << 63, zeropage = Untouched }));
    }

    [Fact]
    public void Later_refusal_writes_it()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        using MemoryMapping source = Source(area);
        var protect = new uffdio_copy { dst = area.Range.Start, src = source.Address, len = area.PageSize, mode = UserfaultfdAbi.UFFDIO_COPY_MODE_WP, copy = Untouched };
        Assert.Equal((Errno.EINVAL, -(long)Errno.EINVAL), RawOperation.Run(area.Userfaultfd, protect)); // not registered for it
        Requires.Features(UffdFeatures.MinorShmem);
        Assert.Equal((Errno.EINVAL, -(long)Errno.EINVAL), RawOperation.Run(area.Userfaultfd, new uffdio_continue { range = Range(area, 0, 1), mapped = Untouched })); // anonymous
    }

    [Fact]
    public unsafe void Argument_that_is_nowhere_is_a_bad_address()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        foreach (uint request in (uint[])[UserfaultfdAbi.UFFDIO_COPY, UserfaultfdAbi.UFFDIO_ZEROPAGE, UserfaultfdAbi.UFFDIO_REGISTER, UserfaultfdAbi.UFFDIO_UNREGISTER, UserfaultfdAbi.UFFDIO_WAKE])
        {
            Assert.Equal(Errno.EFAULT, RawOperation.Call(area.Userfaultfd, request, null));
        }
    }

    [Fact]
    public void Minor_fault_is_resolved_in_part_too_and_what_is_not_in_the_cache_is_EFAULT()
    {
        using Area area = Area.Create(MemoryKind.Shmem, UffdRegisterModes.Minor);
        using MemoryMapping alias = area.MapAlias();
        alias.AsSpan(0, 2 * (int)area.PageSize).Fill(1); // not registered
        Assert.Equal((Errno.EAGAIN, 2 * (long)area.PageSize), RawOperation.Run(area.Userfaultfd, new uffdio_continue { range = Range(area, 0, 4) }));
        Assert.Equal((Errno.EFAULT, -(long)Errno.EFAULT), RawOperation.Run(area.Userfaultfd, new uffdio_continue { range = Range(area, 2, 2) }));
        Assert.Equal((Errno.EEXIST, -(long)Errno.EEXIST), RawOperation.Run(area.Userfaultfd, new uffdio_continue { range = Range(area, 0, 4) }));
    }

    [Fact]
    public void Protecting_what_is_not_registered_for_it_is_ENOENT_and_both_modes_at_once_EINVAL()
    {
        Requires.Features(UffdFeatures.PageFaultFlagWriteProtect);
        using Area missing = Area.Create(MemoryKind.Anonymous);
        Assert.Equal(Errno.ENOENT, missing.Userfaultfd.WriteProtect(missing.Range, UffdWriteProtectModes.Protect).Errno);
        using Area area = Area.Create(MemoryKind.Anonymous, UffdRegisterModes.WriteProtect);
        Assert.Equal(Errno.EINVAL, area.Userfaultfd.WriteProtect(area.Range, UffdWriteProtectModes.Protect | UffdWriteProtectModes.DontWake).Errno);
        Assert.Equal(Errno.EINVAL, area.Userfaultfd.WriteProtect(new AddressRange(area.Range.Start + 1, area.PageSize), UffdWriteProtectModes.Protect).Errno);
    }

    private static MemoryMapping Source(Area area)
    {
        MemoryMapping source = MemoryMapping.CreateAnonymous(area.Range.Length + area.PageSize);
        source.AsSpan().Fill(1);
        return source;
    }

    private static uffdio_range Range(Area area, int page, int count) => new() { start = area.PageAt(page).Start, len = (ulong)count * area.PageSize };

    private static (Errno Errno, long Field) Copy(Area area, int page, int count, ulong source)
        => RawOperation.Run(area.Userfaultfd, new uffdio_copy { dst = area.PageAt(page).Start, src = source, len = (ulong)count * area.PageSize, copy = Untouched });

    private static (Errno Errno, long Field) Zero(Area area, int page, int count)
        => RawOperation.Run(area.Userfaultfd, new uffdio_zeropage { range = Range(area, page, count), zeropage = Untouched });
}
