using System.Globalization;
using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests;

/// <summary>The size of the pages that are moved.</summary>
public enum RemapPages
{
    /// <summary>Base pages.</summary>
    Base,

    /// <summary>Transparent huge pages.</summary>
    Thp,

    /// <summary>Reserved huge pages of 2 MiB.</summary>
    Hugetlb,
}

/// <summary>Whose the pages are.</summary>
public enum RemapSharing
{
    /// <summary>The process's own.</summary>
    Private,

    /// <summary>The object's.</summary>
    Shared,
}

/// <summary>Write-protection of memory that mremap(2) moves: it goes with the registration, and stays with it.</summary>
public sealed class MremapProtection(Swap swap) : IClassFixture<Swap>
{
    /// <summary>The protection is set everywhere, then the memory moves out of the registration: it is nowhere.</summary>
    [Theory]
    [InlineData(RemapPages.Base, RemapSharing.Private, false)]
    [InlineData(RemapPages.Base, RemapSharing.Private, true)]
    [InlineData(RemapPages.Base, RemapSharing.Shared, false)]
    [InlineData(RemapPages.Base, RemapSharing.Shared, true)]
    [InlineData(RemapPages.Thp, RemapSharing.Private, false)]
    [InlineData(RemapPages.Thp, RemapSharing.Private, true)]
    [InlineData(RemapPages.Thp, RemapSharing.Shared, false)]
    [InlineData(RemapPages.Thp, RemapSharing.Shared, true)]
    [InlineData(RemapPages.Hugetlb, RemapSharing.Private, false)]
    [InlineData(RemapPages.Hugetlb, RemapSharing.Shared, false)]
    public async Task Cleared_without_the_event(RemapPages pages, RemapSharing sharing, bool swapped)
    {
        Requires.Linux(6, 13, "mremap() that clears the protection of what leaves the registration", new Version(6, 1, 191), new Version(6, 12, 11));
        (TargetArea area, ulong hash) = await Protected(pages, sharing, swapped, UffdFeatures.None);
        await using TargetArea owned = area;
        AddressRange moved = await MoveAsync(area, read: null);
        Assert.All(PageTable.Read(area.Target.ProcessId, moved), entry => Assert.False(entry.IsWriteProtected));
        Assert.Equal(hash, await area.Target.HashAsync(0, area.Range.Length));

        // Nobody is asked any more.
        await area.Target.FillAsync(0, area.Range.Length, 9);
        area.Session.AssertSilent();
        Assert.Equal(Errno.ENOENT, area.Userfaultfd.WriteProtect(moved, UffdWriteProtectModes.Protect).Errno);
    }

    /// <summary>The registration follows the move where it is announced, and the protection with it.</summary>
    [Theory]
    [InlineData(RemapPages.Base, RemapSharing.Private, false)]
    [InlineData(RemapPages.Base, RemapSharing.Private, true)]
    [InlineData(RemapPages.Base, RemapSharing.Shared, false)]
    [InlineData(RemapPages.Base, RemapSharing.Shared, true)]
    [InlineData(RemapPages.Thp, RemapSharing.Private, false)]
    [InlineData(RemapPages.Thp, RemapSharing.Private, true)]
    [InlineData(RemapPages.Thp, RemapSharing.Shared, false)]
    [InlineData(RemapPages.Thp, RemapSharing.Shared, true)]
    [InlineData(RemapPages.Hugetlb, RemapSharing.Private, false)]
    [InlineData(RemapPages.Hugetlb, RemapSharing.Shared, false)]
    public async Task Kept_with_the_event(RemapPages pages, RemapSharing sharing, bool swapped)
    {
        (TargetArea area, _) = await Protected(pages, sharing, swapped, UffdFeatures.EventRemap);
        await using TargetArea owned = area;
        AddressRange moved = await MoveAsync(area, () =>
        {
            UffdEvent message = area.Session.ReadOne();
            Assert.Equal(UffdEventKind.Remap, message.Kind);
            Assert.Equal(area.Range, message.RemappedFrom);
        });
        Assert.All(PageTable.Read(area.Target.ProcessId, moved), entry => Assert.True(entry.IsWriteProtected));
        TargetJob write = await area.Target.BeginAsync("write 0 9");
        area.Session.ReadFault(PageFaultKind.WriteProtect, moved.Start);
        area.Userfaultfd.WriteProtect(moved, UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
        await write.JoinAsync();
    }

    /// <summary>Memory that is filled and protected, every page of it, and the hash of what it holds.</summary>
    private async Task<(TargetArea Area, ulong Hash)> Protected(RemapPages pages, RemapSharing sharing, bool swapped, UffdFeatures features)
    {
        if (swapped)
        {
            Requires.That(swap.Missing is null, swap.Missing ?? "");
        }

        MemoryKind kind = (pages, sharing) switch
        {
            (RemapPages.Hugetlb, RemapSharing.Private) => MemoryKind.HugetlbPrivate,
            (RemapPages.Hugetlb, _) => MemoryKind.Hugetlb,
            (_, RemapSharing.Private) => MemoryKind.Anonymous,
            _ => MemoryKind.Shmem,
        };
        bool transparent = pages == RemapPages.Thp;
        Requires.Features(kind.Needs(UffdRegisterModes.WriteProtect));
        TargetArea area = await TargetArea.StartAsync(kind, features, pages: transparent ? 1024 : null, transparentHuge: transparent);
        try
        {
            await area.FillAsync();

            if (transparent)
            {
                Requires.Linux(6, 1, "MADV_COLLAPSE");
                await area.Target.AdviseAsync(MemoryAdvice.Collapse, 0, area.Range.Length);
                string field = sharing == RemapSharing.Private ? "AnonHugePages" : "ShmemPmdMapped";
                Assert.Equal(area.Range.Length, PageTable.SmapsField(area.Target.ProcessId, area.Range.Start, field));
            }

            ulong hash = await area.Target.HashAsync(0, area.Range.Length);
            area.Userfaultfd.Register(area.Range, UffdRegisterModes.WriteProtect);
            area.Userfaultfd.WriteProtect(area.Range, UffdWriteProtectModes.Protect).ThrowIfIncomplete();
            if (swapped)
            {
                await swap.OutAsync(area, area.Range);
            }

            Assert.All(PageTable.Read(area.Target.ProcessId, area.Range), entry => Assert.True(entry.IsWriteProtected));
            return (area, hash);
        }
        catch
        {
            await area.DisposeAsync();
            throw;
        }
    }

    private static async Task<AddressRange> MoveAsync(TargetArea area, Action? read)
    {
        TargetJob move = await area.Target.BeginAsync($"mremap 0 {area.Range.Length}");
        read?.Invoke();
        string place = await move.JoinAsync();
        var moved = new AddressRange(ulong.Parse(place.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture), area.Range.Length);
        Assert.NotEqual(area.Range, moved);
        return moved;
    }
}
