namespace Uffd.Tests.Operations;

public class CopyTests
{
    [Fact]
    public async Task Copy_fills_and_wakes()
    {
        using Arena arena = Arena.Create(2);
        byte[] content = Content.Random(1);
        Task<byte[]> touch = NativeTouch.ReadAsync(arena.PageAt(1).Start, content.Length);
        UffdEvent fault = arena.ReadOne();
        Assert.Equal(new PageFault(arena.PageAt(1).Start, PageFaultKind.Missing, IsWrite: false, ThreadId: 0), fault.PageFault);
        Assert.Equal(new UffdResult(Arena.Page, Errno.None), arena.Userfaultfd.Copy(fault.PageFault.Address, content));
        Assert.Equal(content, await touch);
    }

    [Fact]
    public async Task Copy_that_wakes_nobody_leaves_the_waiter_to_a_wake()
    {
        using Arena arena = Arena.Create(1);
        byte[] content = Content.Random(1);
        Task<byte> touch = NativeTouch.ReadByteAsync(arena.Range.Start);
        arena.ReadOne();
        Assert.True(arena.Userfaultfd.Copy(arena.Range.Start, content, UffdCopyModes.DontWake).IsComplete);
        Assert.False(touch.IsCompleted);
        Assert.True(arena.Userfaultfd.Wake(arena.Range).IsComplete);
        Assert.Equal(content[0], await touch);
    }

    [Fact]
    public async Task Copy_write_protected_makes_the_next_write_fault()
    {
        using Arena arena = Arena.Create(1, UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect);
        Assert.True(arena.Userfaultfd.Copy(arena.Range.Start, Content.Random(1), UffdCopyModes.WriteProtect).IsComplete);
        Task write = NativeTouch.WriteByteAsync(arena.Range.Start, 5);
        PageFault fault = arena.ReadOne().PageFault;
        Assert.Equal(PageFaultKind.WriteProtect, fault.Kind);
        Assert.True(fault.IsWrite);
        arena.Userfaultfd.WriteProtect(arena.Range, UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
        await write;
    }

    [Fact]
    public void Copy_over_a_page_that_is_there_says_so()
    {
        using Arena arena = Arena.Create(1);
        byte[] first = Content.Random(1);
        arena.Userfaultfd.Copy(arena.Range.Start, first).ThrowIfIncomplete();
        Assert.Equal(new UffdResult(0, Errno.EEXIST), arena.Userfaultfd.Copy(arena.Range.Start, Content.Random(1)));
        Assert.Equal(first, arena.Mapping.AsSpan().ToArray()); // present: cannot fault
    }

    [Fact]
    public void Copy_stops_in_front_of_a_page_that_is_there()
    {
        using Arena arena = Arena.Create(4);
        byte[] content = Content.Random(4);
        arena.Userfaultfd.ZeroPage(arena.PageAt(2)).ThrowIfIncomplete();
        Assert.Equal(new UffdResult(2 * Arena.Page, Errno.EAGAIN), arena.Userfaultfd.Copy(arena.Range.Start, content));
    }

    [Fact]
    public unsafe void Copying_all_goes_on_until_the_page_that_is_there()
    {
        using Arena arena = Arena.Create(4);
        byte[] content = Content.Random(4);
        arena.Userfaultfd.ZeroPage(arena.PageAt(2)).ThrowIfIncomplete();
        fixed (byte* source = content)
        {
            UffdResult result = arena.Userfaultfd.CopyAll(arena.Range, (ulong)source);
            Assert.Equal(new UffdResult(2 * Arena.Page, Errno.EEXIST), result);
            Assert.True(arena.Userfaultfd.CopyAll(arena.PageAt(3), (ulong)source + (3 * Arena.Page)).IsComplete);
        }

        content.AsSpan(2 * (int)Arena.Page, (int)Arena.Page).Clear();
        Assert.Equal(content, arena.Mapping.AsSpan().ToArray()); // all present
    }

    [Fact]
    public void Zeros_and_poison_stop_in_front_of_a_page_that_is_there_too()
    {
        using Arena arena = Arena.Create(8, features: UffdFeatures.Poison);
        arena.Userfaultfd.Copy(arena.PageAt(2).Start, Content.Random(1)).ThrowIfIncomplete();
        arena.Userfaultfd.Copy(arena.PageAt(6).Start, Content.Random(1)).ThrowIfIncomplete();
        Assert.Equal(new UffdResult(2 * Arena.Page, Errno.EAGAIN), arena.Userfaultfd.ZeroPage(arena.PageAt(0, 4)));
        Assert.Equal(new UffdResult(0, Errno.EEXIST), arena.Userfaultfd.ZeroPageAll(arena.PageAt(0, 4)));
        Assert.Equal(new UffdResult(2 * Arena.Page, Errno.EEXIST), arena.Userfaultfd.PoisonAll(arena.PageAt(4, 4)));
        Assert.True(arena.Userfaultfd.ZeroPageAll(arena.PageAt(3)).IsComplete);
        Assert.True(arena.Userfaultfd.PoisonAll(arena.PageAt(7)).IsComplete);
    }

    [Fact]
    public void Copy_outside_of_a_registered_mapping_is_refused()
    {
        using Arena arena = Arena.Create(1);
        using MemoryMapping other = MemoryMapping.CreateAnonymous(Arena.Page);
        Assert.Equal(new UffdResult(0, Errno.ENOENT), arena.Userfaultfd.Copy(other.Address, Content.Random(1)));
        Assert.Equal(new UffdResult(0, Errno.ENOENT), arena.Userfaultfd.ZeroPage(other.Range));
    }

    [Fact]
    public void Misaligned_and_empty_ranges_are_refused()
    {
        using Arena arena = Arena.Create(2);
        var refused = new UffdResult(0, Errno.EINVAL);
        Assert.Equal(refused, arena.Userfaultfd.Copy(arena.Range.Start + 1, Content.Random(1)));
        Assert.Equal(refused, arena.Userfaultfd.Copy(arena.Range.Start, new byte[100]));
        Assert.Equal(refused, arena.Userfaultfd.Copy(arena.Range.Start, []));
        Assert.Equal(refused, arena.Userfaultfd.ZeroPage(new AddressRange(arena.Range.Start, 0)));
        Assert.Equal(refused, arena.Userfaultfd.Wake(new AddressRange(arena.Range.Start + 1, Arena.Page)));
        Assert.Equal(refused, arena.Userfaultfd.Unregister(new AddressRange(arena.Range.Start + 1, Arena.Page)));
    }

    [Fact]
    public void Write_protection_on_memory_that_is_not_registered_for_it_is_refused()
    {
        using Arena arena = Arena.Create(1);
        Assert.Equal(new UffdResult(0, Errno.EINVAL), arena.Userfaultfd.Copy(arena.Range.Start, Content.Random(1), UffdCopyModes.WriteProtect));
        Assert.Equal(new UffdResult(0, Errno.ENOENT), arena.Userfaultfd.WriteProtect(arena.Range, UffdWriteProtectModes.Protect));
    }

    [Fact]
    public void Unknown_modes_are_refused()
    {
        using Arena arena = Arena.Create(1);
        Assert.Equal(Errno.EINVAL, arena.Userfaultfd.Copy(arena.Range.Start, Content.Random(1), (UffdCopyModes)(1UL << 63)).Errno);
        Assert.Equal(Errno.EINVAL, arena.Userfaultfd.ZeroPage(arena.Range, (UffdZeroPageModes)(1UL << 63)).Errno);
    }

    [Fact]
    public void Source_that_is_not_mapped_is_an_answer_and_no_crash()
    {
        using Arena arena = Arena.Create(1);
        ulong gone;
        using (MemoryMapping source = MemoryMapping.CreateAnonymous(Arena.Page, new MemoryMappingOptions { Access = MappingAccess.None }))
        {
            gone = source.Address;
            Assert.Equal(new UffdResult(0, Errno.EFAULT), arena.Userfaultfd.Copy(arena.Range, gone));
        }

        Assert.Equal(0, arena.Reader.Read());
    }

    [Fact]
    public void Source_in_a_file_that_was_cut_short_is_an_answer_and_no_crash()
    {
        using Arena arena = Arena.Create(4);
        using var folder = new TemporaryFolder();
        byte[] content = Content.Random(4);
        File.WriteAllBytes(folder.File("image"), content);
        using FileStream file = File.Open(folder.File("image"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        using MemoryMapping source = MemoryMapping.MapFile(file.SafeFileHandle, 0, 4 * Arena.Page, new MemoryMappingOptions { Access = MappingAccess.Read });
        file.SetLength(2 * (long)Arena.Page);

        Assert.Equal(new UffdResult(2 * Arena.Page, Errno.EAGAIN), arena.Userfaultfd.Copy(arena.Range, source.Address));
        Assert.Equal(new UffdResult(0, Errno.EFAULT), arena.Userfaultfd.CopyAll(arena.PageAt(2, 2), source.Address + (2 * Arena.Page)));
        Assert.Equal(content[..(2 * (int)Arena.Page)], arena.Mapping.AsSpan(0, 2 * (int)Arena.Page).ToArray()); // present
    }

    [Fact]
    public unsafe void Source_need_not_be_aligned()
    {
        using Arena arena = Arena.Create(1);
        byte[] content = Content.Random(2);
        fixed (byte* bytes = content)
        {
            Assert.True(arena.Userfaultfd.Copy(arena.Range, (ulong)bytes + 13).IsComplete);
        }

        Assert.Equal(content.AsSpan(13, (int)Arena.Page).ToArray(), arena.Mapping.AsSpan().ToArray()); // present
    }

    [Fact]
    public async Task Huge_pages_are_copied_whole_and_never_zeroed()
    {
        using IDisposable reserved = Requires.HugePages(1);
        using Arena arena = Arena.Create(0, map: () => MemoryMapping.CreateAnonymous(2 << 20, new MemoryMappingOptions { Pages = MappingPages.Huge2MiB }));
        Task<byte> touch = NativeTouch.ReadByteAsync(arena.Range.Start + (3 * Arena.Page));
        Assert.Equal(arena.Range.Start, arena.ReadOne().PageFault.Address);
        Assert.Equal(new UffdResult(0, Errno.EINVAL), arena.Userfaultfd.ZeroPage(arena.Range));
        Assert.Equal(Errno.EINVAL, arena.Userfaultfd.Copy(arena.Range.Start, Content.Random(1)).Errno);
        byte[] content = Content.Random(512);
        Assert.Equal(new UffdResult(2 << 20, Errno.None), arena.Userfaultfd.Copy(arena.Range.Start, content));
        Assert.Equal(content[3 * (int)Arena.Page], await touch);
    }
}
