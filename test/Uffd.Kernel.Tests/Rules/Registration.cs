using Uffd.Abi;
using Uffd.Interop;
using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Rules;

/// <summary>What can be registered, what registering again does, and what takes it away.</summary>
public sealed class Registration
{
    private const UffdRegisterModes MissingAndProtect = UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect;

    [Fact]
    public void No_mode_an_unknown_mode_and_no_memory_are_refused()
    {
        using Area area = Area.Create(MemoryKind.Anonymous, UffdRegisterModes.None);
        Assert.Equal(Errno.EINVAL, Refusal(area, area.Range, UffdRegisterModes.None));
        Assert.Equal(Errno.EINVAL, Refusal(area, area.Range, (UffdRegisterModes)(1UL << 20)));
        Assert.Equal(Errno.EINVAL, Refusal(area, new AddressRange(area.Range.Start, 1), UffdRegisterModes.Missing));
        Assert.Equal(Errno.EINVAL, Refusal(area, new AddressRange(area.Range.Start + 1, area.PageSize), UffdRegisterModes.Missing));
        Assert.Equal(Errno.EINVAL, Refusal(area, new AddressRange(area.Range.Start, 0), UffdRegisterModes.Missing));
        AddressRange gone;
        using (MemoryMapping mapping = MemoryMapping.CreateAnonymous(area.Range.Length))
        {
            gone = mapping.Range;
        }

        Assert.Equal(Errno.EINVAL, Refusal(area, gone, UffdRegisterModes.Missing));
    }

    [Fact]
    public void Huge_pages_are_registered_whole()
    {
        using Area area = Area.Create(MemoryKind.Hugetlb, UffdRegisterModes.None);
        Assert.Equal(Errno.EINVAL, Refusal(area, new AddressRange(area.Range.Start + MemoryKinds.BasePage, area.PageSize), UffdRegisterModes.Missing));
        Assert.Equal(Errno.EINVAL, Refusal(area, new AddressRange(area.Range.Start, area.PageSize / 2), UffdRegisterModes.Missing));
    }

    [Fact]
    public void File_of_a_file_system_has_no_missing_faults()
    {
        RequireDisk();
        using Area area = Area.Create(MemoryKind.Anonymous, UffdRegisterModes.None);
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("image"), new byte[area.PageSize]);
        using FileStream file = File.OpenRead(folder.File("image"));
        using MemoryMapping mapping = MemoryMapping.MapFile(file.SafeFileHandle, 0, area.PageSize);
        Assert.Equal(Errno.EINVAL, Refusal(area, mapping.Range, UffdRegisterModes.Missing));
    }

    [Fact]
    public void Shared_file_that_may_not_be_written_is_refused()
    {
        using Area area = Area.Create(MemoryKind.Shmem, UffdRegisterModes.None);
        using FileStream file = File.OpenRead($"/proc/self/fd/{area.Mapping.Descriptor!.DangerousGetHandle()}"); // alive: the area's
        using MemoryMapping readOnly = MemoryMapping.MapFile(file.SafeFileHandle, 0, area.PageSize, new MemoryMappingOptions { Access = MappingAccess.Read, Shared = true });
        Assert.Equal(Errno.EPERM, Refusal(area, readOnly.Range, UffdRegisterModes.Missing));
    }

    [Fact]
    public async Task Memory_that_can_only_be_read_can_be_registered()
    {
        using Area area = Area.Create(MemoryKind.Anonymous, UffdRegisterModes.None);
        area.Mapping.Protect(MappingAccess.Read);
        area.Userfaultfd.Register(area.Range, UffdRegisterModes.Missing);
        Task<byte> touch = NativeTouch.ReadByteAsync(area.Range.Start);
        area.ReadFault(PageFaultKind.Missing, area.Range.Start);
        area.Userfaultfd.Copy(area.Range.Start, MemoryKind.Anonymous.Page(4)).ThrowIfIncomplete();
        Assert.Equal(4, await touch);
    }

    [Fact]
    public void Range_with_a_hole_can_be_registered()
    {
        using Area area = Area.Create(MemoryKind.Anonymous, UffdRegisterModes.None);
        Assert.Equal(0, LibC.MUnmap((nint)area.PageAt(4).Start, (nuint)area.PageSize));
        area.Userfaultfd.Register(area.Range, UffdRegisterModes.Missing);
        Assert.True(area.Userfaultfd.ZeroPage(area.PageAt(3)).IsComplete);
        Assert.Equal(Errno.ENOENT, area.Userfaultfd.ZeroPage(area.PageAt(4)).Errno);
        Assert.True(area.Userfaultfd.ZeroPage(area.PageAt(5)).IsComplete);
    }

    [Fact]
    public void Range_belongs_to_one_userfaultfd()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        using Userfaultfd other = Userfaultfd.Create();
        Assert.Equal(Errno.EBUSY, Assert.Throws<UffdException>(() => other.Register(area.Range, UffdRegisterModes.Missing)).Errno);
    }

    /// <summary>A fill asks that the range is registered, and not with whom; a move asks with whom.</summary>
    [Fact]
    public void Another_userfaultfd_of_the_process_can_fill_it()
    {
        Requires.Features(UffdFeatures.Move);
        using Area area = Area.Create(MemoryKind.Anonymous);
        using Userfaultfd other = Userfaultfd.Create();
        Assert.True(other.ZeroPage(area.PageAt(0)).IsComplete);
        Assert.True(other.Copy(area.PageAt(1).Start, MemoryKind.Anonymous.Page(1)).IsComplete);
        using MemoryMapping source = Area.Map(MemoryKind.Anonymous, area.PageSize, MappingPages.Base);
        source.AsSpan().Fill(1);
        Assert.Equal(new UffdResult(0, Errno.EINVAL), other.Move(area.PageAt(2), source.Address));
        Assert.True(area.Userfaultfd.Move(area.PageAt(2), source.Address).IsComplete);
    }

    [Fact]
    public async Task Another_userfaultfd_cannot_take_it_out()
    {
        Requires.Linux(6, 17, "UFFDIO_UNREGISTER that refuses the range of another userfaultfd");
        using Area area = Area.Create(MemoryKind.Anonymous);
        using Userfaultfd other = Userfaultfd.Create();
        Assert.Equal(Errno.EINVAL, other.Unregister(area.Range).Errno);
        Task<byte> touch = NativeTouch.ReadByteAsync(area.Range.Start);
        area.ReadFault(PageFaultKind.Missing, area.Range.Start);
        area.Userfaultfd.ZeroPage(area.PageAt(0)).ThrowIfIncomplete();
        await touch;
    }

    /// <summary>
    /// A subset is taken and forgotten. Since Linux 7.3 one without the protection is refused: the bits of protected pages would
    /// have no registration that says what they mean. What was registered is as it was on every kernel.
    /// </summary>
    [Fact]
    public async Task Registering_a_subset_again_changes_nothing()
    {
        Requires.Features(UffdFeatures.PageFaultFlagWriteProtect);
        using Area area = Area.Create(MemoryKind.Anonymous, MissingAndProtect);
        area.Userfaultfd.Register(area.Range, UffdRegisterModes.WriteProtect);
        if (Requires.IsLinux(7, 3))
        {
            var refusal = Assert.Throws<UffdException>(() => area.Userfaultfd.Register(area.Range, UffdRegisterModes.Missing));
            Assert.Equal(Errno.EBUSY, refusal.Errno);
            Assert.Contains("unregistering", refusal.Message, StringComparison.Ordinal);
        }
        else
        {
            area.Userfaultfd.Register(area.Range, UffdRegisterModes.Missing);
        }

        Task<byte> touch = NativeTouch.ReadByteAsync(area.PageAt(1).Start);
        area.ReadFault(PageFaultKind.Missing, area.PageAt(1).Start);
        area.Userfaultfd.ZeroPage(area.PageAt(1)).ThrowIfIncomplete();
        await touch;
        area.Userfaultfd.Copy(area.Range.Start, MemoryKind.Anonymous.Page(1), UffdCopyModes.WriteProtect).ThrowIfIncomplete();
        Task write = NativeTouch.WriteByteAsync(area.Range.Start, 2);
        area.ReadFault(PageFaultKind.WriteProtect, area.Range.Start);
        area.Userfaultfd.WriteProtect(area.PageAt(0), UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
        await write;
    }

    [Fact]
    public async Task Registering_other_modes_replaces_the_first()
    {
        Requires.Features(UffdFeatures.PageFaultFlagWriteProtect);
        using Area area = Area.Create(MemoryKind.Anonymous);
        area.Userfaultfd.Register(area.Range, UffdRegisterModes.WriteProtect);
        Assert.Equal(0, await NativeTouch.ReadByteAsync(area.Range.Start)); // missing faults are no longer told
        area.AssertSilent();
        Assert.True(area.Userfaultfd.WriteProtect(area.PageAt(0), UffdWriteProtectModes.Protect).IsComplete);
    }

    [Fact]
    public async Task Unregistering_wakes_with_zeros_and_takes_the_protection_away()
    {
        Requires.Features(UffdFeatures.PageFaultFlagWriteProtect);
        using Area area = Area.Create(MemoryKind.Anonymous, MissingAndProtect);
        area.Userfaultfd.Copy(area.PageAt(1).Start, MemoryKind.Anonymous.Page(1), UffdCopyModes.WriteProtect).ThrowIfIncomplete();
        Task<byte> touch = NativeTouch.ReadByteAsync(area.Range.Start);
        area.ReadOne();
        Assert.True(area.Userfaultfd.Unregister(area.Range).IsComplete);
        Assert.Equal(0, await touch);
        await NativeTouch.WriteByteAsync(area.PageAt(1).Start, 2);
        Assert.False(PageTable.Read(Environment.ProcessId, area.PageAt(1).Start).IsWriteProtected);
        area.AssertSilent();
    }

    [Fact]
    public async Task Mapping_over_it_drops_the_registration_and_is_told_to_nobody()
    {
        using Area area = Area.Create(MemoryKind.Anonymous, features: UffdFeatures.EventRemove | UffdFeatures.EventRemap);
        const int Flags = MemoryAbi.MAP_PRIVATE | MemoryAbi.MAP_ANONYMOUS | MemoryAbi.MAP_FIXED;
        nint place = (nint)area.PageAt(2).Start;
        Assert.Equal(place, LibC.MMap(place, (nuint)area.PageSize, MemoryAbi.PROT_READ | MemoryAbi.PROT_WRITE, Flags, -1, 0));
        Assert.Equal(0, await NativeTouch.ReadByteAsync(area.PageAt(2).Start));
        area.AssertSilent();
        Assert.Equal(Errno.ENOENT, area.Userfaultfd.ZeroPage(area.PageAt(2)).Errno);
        Assert.True(area.Userfaultfd.ZeroPage(area.PageAt(1)).IsComplete);
    }

    [Fact]
    public void Anything_can_be_tracked_asynchronously_that_can_be_mapped()
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        RequireDisk();
        using Tracked file = Tracked.Create(TrackedMemory.File); // registers
        using Area area = Area.Create(MemoryKind.Anonymous, UffdRegisterModes.None);
        file.Userfaultfd.Unregister(file.Range).ThrowIfIncomplete();
        Assert.Equal(Errno.EINVAL, Refusal(area, file.Range, UffdRegisterModes.WriteProtect)); // but not synchronously
    }

    /// <summary>A file in memory is shared memory, of which more can be asked.</summary>
    private static void RequireDisk()
        => Requires.Supported(new DriveInfo(Path.GetTempPath()).DriveFormat is not ("tmpfs" or "ramfs" or "rootfs"), "temporary files that are not in memory");

    private static Errno Refusal(Area area, AddressRange range, UffdRegisterModes modes)
        => Assert.Throws<UffdException>(() => area.Userfaultfd.Register(range, modes)).Errno;
}
