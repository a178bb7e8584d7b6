using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests;

/// <content>Pages that are in the page cache and not mapped.</content>
public sealed partial class Conformance
{
    /// <summary>A minor fault for each page; the handler changes the content through another view, then lets go on.</summary>
    [Theory]
    [Memory(MemoryKind.Shmem, MemoryKind.Hugetlb)]
    public Task Minor(MemoryKind memory) => MinorFaults(memory, protect: false);

    /// <summary>The same, mapped write-protected: each page's first write is one more fault.</summary>
    [Theory]
    [Memory(MemoryKind.Shmem, MemoryKind.Hugetlb)]
    public Task MinorWp(MemoryKind memory)
    {
        Requires.Features(memory.Needs(UffdRegisterModes.Minor | UffdRegisterModes.WriteProtect));
        Requires.Linux(6, 4, "UFFDIO_CONTINUE_MODE_WP");
        return MinorFaults(memory, protect: true);
    }

    /// <summary>What minor faults mapped page by page can be joined to a huge page, and keeps its content.</summary>
    [Theory]
    [Memory(MemoryKind.Shmem)]
    public async Task MinorCollapse(MemoryKind memory)
    {
        Requires.Features(memory.Needs(UffdRegisterModes.Minor));
        Requires.Linux(6, 1, "MADV_COLLAPSE");
        const int Pages = 512; // one huge page
        using Area area = Area.Create(memory, UffdRegisterModes.Minor, pages: Pages, basePages: MappingPages.TransparentHuge);
        using MemoryMapping alias = area.MapAlias();
        alias.Advise(MemoryAdvice.NoHugePage);
        FillAlias(area, alias);
        await TouchMinor(area, alias, UffdContinueModes.None);
        area.Mapping.Advise(MemoryAdvice.Collapse);
        Assert.Equal(MemoryKinds.HugePage, PageTable.SmapsField(Environment.ProcessId, area.Range.Start, "ShmemPmdMapped"));
        byte[] values = await NativeTouch.ReadPagesAsync(area.Range, area.PageSize);
        Assert.Equal(Enumerable.Range(0, Pages).Select(MinorValueAfter), values);
        area.AssertSilent();
    }

    private static byte MinorValueAfter(int page) => (byte)(MemoryKinds.Value(page) ^ 0xff);

    private static async Task MinorFaults(MemoryKind memory, bool protect)
    {
        UffdRegisterModes modes = UffdRegisterModes.Minor | (protect ? UffdRegisterModes.WriteProtect : 0);
        using Area area = Area.Create(memory, modes);
        using MemoryMapping alias = area.MapAlias();
        FillAlias(area, alias);
        await TouchMinor(area, alias, protect ? UffdContinueModes.WriteProtect : UffdContinueModes.None);
        byte[] whole = await NativeTouch.ReadAsync(area.PageAt(1).Start, (int)area.PageSize);
        Assert.Equal(memory.Page(MinorValueAfter(1)), whole);
        if (!protect)
        {
            await NativeTouch.FillAsync(area.Range.Start, 1, area.Range.Length);
            area.AssertSilent();
            return;
        }

        int writes = 0;
        Task<bool> write = Done(NativeTouch.FillAsync(area.Range.Start, 1, area.Range.Length));
        await area.ServeAsync(write, message =>
        {
            Assert.Equal((PageFaultKind.WriteProtect, true), (message.PageFault.Kind, message.PageFault.IsWrite));
            AddressRange page = area.PageAt(area.PageOf(message.PageFault.Address));
            area.Userfaultfd.WriteProtect(page, UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
            writes++;
        });
        Assert.Equal(area.Pages, writes);
        Assert.Equal(-1, alias.AsSpan().IndexOfAnyExcept((byte)1)); // not registered
    }

    private static void FillAlias(Area area, MemoryMapping alias)
    {
        for (int page = 0; page < area.Pages; page++)
        {
            alias.AsSpan((ulong)page * area.PageSize, (int)area.PageSize).Fill(MemoryKinds.Value(page)); // not registered
        }
    }

    private static async Task TouchMinor(Area area, MemoryMapping alias, UffdContinueModes modes)
    {
        int minor = 0;
        Task<byte[]> touches = NativeTouch.ReadPagesAsync(area.Range, area.PageSize);
        await area.ServeAsync(touches, message =>
        {
            Assert.Equal(PageFaultKind.Minor, message.PageFault.Kind);
            int page = area.PageOf(message.PageFault.Address);
            alias.AsSpan((ulong)page * area.PageSize, (int)area.PageSize).Fill(MinorValueAfter(page));
            Assert.Equal(new UffdResult(area.PageSize, Errno.None), area.Userfaultfd.Continue(area.PageAt(page), modes));
            Assert.Equal(new UffdResult(0, Errno.EEXIST), area.Userfaultfd.Continue(area.PageAt(page), modes));
            minor++;
        });
        Assert.Equal(area.Pages, minor);
        Assert.Equal(Enumerable.Range(0, area.Pages).Select(MinorValueAfter), await touches);
    }

    private static async Task<bool> Done(Task task)
    {
        await task;
        return true;
    }
}
