using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Pagemap;

/// <summary>Scans over mappings that differ, change, or are not there.</summary>
public sealed class Mappings : IDisposable
{
    private readonly Tracked _tracked = Tracked.Create();

    public void Dispose() => _tracked.Dispose();

    [Fact]
    public void Unmapped_range_holds_nothing()
    {
        AddressRange gone;
        using (MemoryMapping mapping = MemoryMapping.CreateAnonymous(64 << 20, new MemoryMappingOptions { NoReserve = true }))
        {
            gone = mapping.Range;
        }

        var middle = new AddressRange(gone.Start + (gone.Length / 2), MemoryKinds.BasePage);
        Assert.Empty(_tracked.Scanner.ScanAll(middle, new PagemapScanOptions { AllOf = PageCategories.None }));
        Assert.Equal(new PagemapScanResult(0, middle.End), _tracked.Scanner.Scan(middle, Tracked.Harvest, new PageRegion[1]));
    }

    [Fact]
    public void Access_that_is_taken_and_given_back_writes_nothing()
    {
        foreach (MappingAccess access in (MappingAccess[])[MappingAccess.Read, MappingAccess.None])
        {
            _tracked.Mapping.Protect(access);
            Assert.Empty(_tracked.Written());
            _tracked.Mapping.Protect(MappingAccess.ReadWrite);
            Assert.Empty(_tracked.Written());
        }

        _tracked.Write(5);
        Assert.Equal([_tracked.UnitAt(5)], _tracked.Written());
    }

    [Fact]
    public void What_was_written_stays_so_while_access_changes()
    {
        _tracked.Write(1, 2);
        _tracked.Mapping.Protect(MappingAccess.Read);
        Assert.Equal([_tracked.UnitAt(1, 2)], _tracked.Written());
        _tracked.Mapping.Protect(MappingAccess.ReadWrite);
        Assert.Equal([_tracked.UnitAt(1, 2)], _tracked.Written(Tracked.Harvest));
        Assert.Empty(_tracked.Written());
    }

    [Fact]
    public void Page_protected_while_it_could_not_be_written_is_found_when_it_is()
    {
        _tracked.WriteAll();
        _tracked.Mapping.Protect(MappingAccess.Read);
        Assert.Equal([_tracked.Range], _tracked.Written(Tracked.Harvest));
        _tracked.Mapping.Protect(MappingAccess.ReadWrite);
        Assert.Empty(_tracked.Written());
        _tracked.Write(9);
        Assert.Equal([_tracked.UnitAt(9)], _tracked.Written());
    }

    [Fact]
    public void Absent_page_counts_as_written_until_it_is_protected_and_again_when_it_is_discarded()
    {
        _tracked.Mapping.Advise(MemoryAdvice.DontNeed, _tracked.UnitAt(3));
        Assert.Equal([_tracked.UnitAt(3)], _tracked.Written(Tracked.Harvest));
        Assert.Empty(_tracked.Written());
        _ = Volatile.Read(ref _tracked.Mapping.AsSpan(3 * _tracked.Unit, 1)[0]); // read: nothing is written
        Assert.Empty(_tracked.Written());
        _tracked.Write(3);
        Assert.Equal([_tracked.UnitAt(3)], _tracked.Written());
    }

    /// <summary>
    /// The absence of the bit means "written", and memory in no userfaultfd never has it. Since Linux 7.3, where the bit can mean
    /// protection from reading too, only memory that is registered for write-protection is told as written.
    /// </summary>
    [Fact]
    public void Memory_in_no_userfaultfd_is_never_protected_and_told_as_written_before_7_3()
    {
        _tracked.Userfaultfd.Unregister(_tracked.UnitAt(8, 8)).ThrowIfIncomplete();
        _tracked.Write(2);
        PagemapScanOptions look = Tracked.Look with { RequireWriteProtectAsync = false };
        AddressRange[] elsewhere = Requires.IsLinux(7, 3) ? [] : [_tracked.UnitAt(8, 8)];
        Assert.Equal([_tracked.UnitAt(2), .. elsewhere], _tracked.Written(look));

        // Protecting passes it over, and does not tell it either.
        Assert.Equal([_tracked.UnitAt(2)], _tracked.Written(look with { WriteProtect = true }));
        Assert.Equal(elsewhere, _tracked.Written(look));
    }

    [Fact]
    public void Memory_in_no_userfaultfd_is_refused_when_asked_so()
    {
        _tracked.Userfaultfd.Unregister(_tracked.UnitAt(8, 8)).ThrowIfIncomplete();
        _tracked.Write(2);
        Assert.Equal(Errno.EPERM, Assert.Throws<UffdException>(() => _tracked.Written(Tracked.Look)).Errno);
        Assert.Equal([_tracked.UnitAt(2)], Tracked.Join(_tracked.Scanner.ScanAll(_tracked.UnitAt(0, 8), Tracked.Look)));

        // The refusal comes when the scan arrives there. What it had protected on its way stays protected, and is not told.
        Assert.Equal(Errno.EPERM, Assert.Throws<UffdException>(() => _tracked.Written(Tracked.Harvest)).Errno);
        Assert.Empty(_tracked.Scanner.ScanAll(_tracked.UnitAt(0, 8), Tracked.Look));
    }

    [Fact]
    public void Memory_that_is_protected_synchronously_is_no_memory_of_a_scan()
    {
        Requires.Features(UffdFeatures.PageFaultFlagWriteProtect);
        using Area area = Area.Create(MemoryKind.Anonymous, UffdRegisterModes.WriteProtect);
        area.Userfaultfd.Copy(area.Range.Start, MemoryKind.Anonymous.Page(1));
        Assert.Equal(Errno.EPERM, Assert.Throws<UffdException>(() => _tracked.Scanner.ScanAll(area.Range, Tracked.Harvest)).Errno);
        Assert.Empty(_tracked.Scanner.ScanAll(area.Range, new PagemapScanOptions { AllOf = PageCategories.WriteProtectAllowed, RequireWriteProtectAsync = false }));
    }

    [Fact]
    public async Task Same_userfaultfd_still_tells_missing_pages()
    {
        using Area area = Area.Create(MemoryKind.Anonymous, UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect, UffdFeatures.WriteProtectAsync);
        Task<byte> touch = NativeTouch.ReadByteAsync(area.Range.Start);
        area.ReadFault(PageFaultKind.Missing, area.Range.Start);
        area.Userfaultfd.Copy(area.Range.Start, MemoryKind.Anonymous.Page(1), UffdCopyModes.WriteProtect).ThrowIfIncomplete();
        await touch;
        Assert.Empty(_tracked.Scanner.ScanAll(area.PageAt(0), Tracked.Look));
        area.Mapping.AsSpan(0, 1)[0] = 2; // present, and protected asynchronously: waits for nobody
        Assert.Single(_tracked.Scanner.ScanAll(area.PageAt(0), Tracked.Look));
        area.AssertSilent();
    }
}
