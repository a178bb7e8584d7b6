namespace Uffd.Tests.Operations;

public class RegisterTests
{
    private const UffdIoctls Fills = UffdIoctls.Wake | UffdIoctls.Copy;

    [Fact]
    public void Anonymous_memory_offers_zeros_and_moves()
    {
        using Arena arena = Arena.Create(1, UffdRegisterModes.None, UffdFeatures.Move | UffdFeatures.Poison);
        UffdIoctls missing = arena.Userfaultfd.Register(arena.Range, UffdRegisterModes.Missing);
        Assert.Equal(Fills | UffdIoctls.ZeroPage | UffdIoctls.Move | UffdIoctls.Poison, missing);
        UffdIoctls both = arena.Userfaultfd.Register(arena.Range, UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect);
        Assert.Equal(missing | UffdIoctls.WriteProtect, both);
    }

    [Fact]
    public void Shared_memory_offers_minor_faults()
    {
        using Arena arena = Arena.Create(0, UffdRegisterModes.None, UffdFeatures.MinorShmem, () => MemoryMapping.CreateMemfd("minor", Arena.Page));
        UffdIoctls offered = arena.Userfaultfd.Register(arena.Range, UffdRegisterModes.Missing | UffdRegisterModes.Minor);
        Assert.True(offered.HasFlag(Fills | UffdIoctls.Continue));
    }

    [Fact]
    public void Huge_pages_offer_neither_zeros_nor_moves()
    {
        using IDisposable reserved = Requires.HugePages(1);
        using Arena arena = Arena.Create(0, UffdRegisterModes.None, UffdFeatures.None, () => MemoryMapping.CreateAnonymous(1, new MemoryMappingOptions { Pages = MappingPages.Huge2MiB }));
        UffdIoctls offered = arena.Userfaultfd.Register(arena.Range, UffdRegisterModes.Missing);
        Assert.True(offered.HasFlag(Fills));
        Assert.Equal(UffdIoctls.None, offered & (UffdIoctls.ZeroPage | UffdIoctls.Move));
    }

    [Fact]
    public void Range_of_another_userfaultfd_is_busy()
    {
        using Arena arena = Arena.Create(1);
        using Userfaultfd other = Userfaultfd.Create();
        UffdException exception = Assert.Throws<UffdException>(() => other.Register(arena.Range, UffdRegisterModes.Missing));
        Assert.Equal(Errno.EBUSY, exception.Errno);
        Assert.Contains("another userfaultfd", exception.Message, StringComparison.Ordinal);
        Assert.Contains(arena.Range.ToString(), exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Minor_faults_of_anonymous_memory_are_refused()
    {
        using Arena arena = Arena.Create(1, UffdRegisterModes.None);
        UffdException exception = Assert.Throws<UffdException>(() => arena.Userfaultfd.Register(arena.Range, UffdRegisterModes.Minor));
        Assert.Equal(Errno.EINVAL, exception.Errno);
        Assert.Contains("minor faults need shared", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_and_no_mode_are_refused()
    {
        using Arena arena = Arena.Create(1, UffdRegisterModes.None);
        Assert.Equal(Errno.EINVAL, Assert.Throws<UffdException>(() => arena.Userfaultfd.Register(arena.Range, UffdRegisterModes.None)).Errno);
        Assert.Equal(Errno.EINVAL, Assert.Throws<UffdException>(() => arena.Userfaultfd.Register(new AddressRange(arena.Range.Start, 1), UffdRegisterModes.Missing)).Errno);
    }

    [Fact]
    public void Shared_file_that_may_not_be_written_is_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("image"), Content.Random(1));
        using FileStream file = File.OpenRead(folder.File("image"));
        using Arena arena = Arena.Create(
            0,
            UffdRegisterModes.None,
            UffdFeatures.None,
            () => MemoryMapping.MapFile(file.SafeFileHandle, 0, Arena.Page, new MemoryMappingOptions { Access = MappingAccess.Read, Shared = true }));
        Assert.Throws<UffdException>(() => arena.Userfaultfd.Register(arena.Range, UffdRegisterModes.Missing));
    }

    [Fact]
    public void Disposed_userfaultfd_is_an_exception_and_no_call_on_a_recycled_number()
    {
        Arena arena = Arena.Create(1);
        arena.Dispose();
        Assert.Throws<ObjectDisposedException>(() => arena.Userfaultfd.Wake(new AddressRange(0x10000, Arena.Page)));
        Assert.Throws<ObjectDisposedException>(() => arena.Userfaultfd.IsTargetAlive());
    }

    [Fact]
    public async Task Unregistering_wakes_with_zeros()
    {
        using Arena arena = Arena.Create(1);
        Task<byte> touch = NativeTouch.ReadByteAsync(arena.Range.Start);
        arena.ReadOne();
        Assert.Equal(new UffdResult(Arena.Page, Errno.None), arena.Userfaultfd.Unregister(arena.Range));
        Assert.Equal(0, await touch);
    }

    [Fact]
    public async Task Closing_the_last_copy_turns_waiting_into_zeros()
    {
        using Arena arena = Arena.Create(2);
        Task<byte> touch = NativeTouch.ReadByteAsync(arena.Range.Start);
        arena.ReadOne();
        arena.Userfaultfd.Dispose();
        Assert.Equal(0, await touch);
        Assert.Equal(0, await NativeTouch.ReadByteAsync(arena.Range.Start + Arena.Page));
    }

    [Fact]
    public async Task Waking_without_filling_makes_the_waiter_ask_again()
    {
        using Arena arena = Arena.Create(1);
        Task<byte> touch = NativeTouch.ReadByteAsync(arena.Range.Start);
        UffdEvent first = arena.ReadOne();
        Assert.Equal(new UffdResult(Arena.Page, Errno.None), arena.Userfaultfd.Wake(arena.Range));
        Assert.Equal(first, arena.ReadOne());
        arena.Userfaultfd.ZeroPage(arena.Range).ThrowIfIncomplete();
        await touch;
    }
}
