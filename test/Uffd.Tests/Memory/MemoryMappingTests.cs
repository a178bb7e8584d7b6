namespace Uffd.Tests.Memory;

public class MemoryMappingTests
{
    private const ulong Huge = 2 << 20;

    [Fact]
    public void Anonymous_memory_is_zero_private_and_whole_pages()
    {
        using MemoryMapping mapping = MemoryMapping.CreateAnonymous(Arena.Page + 1);
        Assert.Equal(2 * Arena.Page, mapping.Length);
        Assert.Equal(Arena.Page, mapping.PageSize);
        Assert.Equal(new AddressRange(mapping.Address, mapping.Length), mapping.Range);
        Assert.True(mapping.Range.IsAligned(Arena.Page));
        Assert.Null(mapping.Descriptor);
        Assert.True(mapping.AsSpan().IndexOfAnyExcept((byte)0) < 0);
        Assert.Contains("rw-p", MapsLine(mapping.Address), StringComparison.Ordinal);
    }

    [Fact]
    public void Shared_anonymous_memory_is_shared()
    {
        using MemoryMapping mapping = MemoryMapping.CreateAnonymous(Arena.Page, new MemoryMappingOptions { Shared = true });
        Assert.Contains("rw-s", MapsLine(mapping.Address), StringComparison.Ordinal);
    }

    [Fact]
    public void Memfd_has_a_name_and_two_views_see_one_memory()
    {
        using MemoryMapping mapping = MemoryMapping.CreateMemfd("two-views", 2 * Arena.Page);
        using MemoryMapping view = MemoryMapping.MapMemfd(mapping.Descriptor!, 2 * Arena.Page, new MemoryMappingOptions { Access = MappingAccess.Read });
        mapping.AsSpan()[5000] = 7;
        Assert.Equal(7, view.AsSpan()[5000]);
        Assert.Null(view.Descriptor);
        Assert.Contains("/memfd:two-views", MapsLine(mapping.Address), StringComparison.Ordinal);
        Assert.Contains("r--s", MapsLine(view.Address), StringComparison.Ordinal);
    }

    [Fact]
    public void Private_view_of_a_memfd_copies_on_write()
    {
        using MemoryMapping mapping = MemoryMapping.CreateMemfd("private", Arena.Page);
        mapping.AsSpan()[0] = 1;
        using MemoryMapping view = MemoryMapping.MapMemfd(mapping.Descriptor!, Arena.Page, new MemoryMappingOptions { Shared = false });
        Assert.Equal(1, view.AsSpan()[0]);
        view.AsSpan()[0] = 2;
        Assert.Equal(1, mapping.AsSpan()[0]);
    }

    [Fact]
    public void View_outlives_the_memfd_and_the_memfd_its_disposal_not()
    {
        MemoryMapping mapping = MemoryMapping.CreateMemfd("owned", Arena.Page);
        mapping.AsSpan()[0] = 3;
        using MemoryMapping view = MemoryMapping.MapMemfd(mapping.Descriptor!, Arena.Page);
        SafeDescriptorHandle descriptor = mapping.Descriptor!;
        mapping.Dispose();
        mapping.Dispose();
        Assert.True(descriptor.IsClosed);
        Assert.Equal(3, view.AsSpan()[0]);
    }

    [Fact]
    public void File_is_mapped_from_an_offset_and_written_only_where_shared()
    {
        using var folder = new TemporaryFolder();
        byte[] content = Content.Random(3);
        File.WriteAllBytes(folder.File("image"), content);
        using (FileStream file = File.Open(folder.File("image"), FileMode.Open, FileAccess.ReadWrite))
        {
            using MemoryMapping copy = MemoryMapping.MapFile(file.SafeFileHandle, (long)Arena.Page, 2 * Arena.Page);
            Assert.Equal(content.AsSpan((int)Arena.Page).ToArray(), copy.AsSpan().ToArray());
            copy.AsSpan()[0] = 0;
            using MemoryMapping shared = MemoryMapping.MapFile(file.SafeFileHandle, 0, Arena.Page, new MemoryMappingOptions { Shared = true });
            shared.AsSpan()[1] = 0;
        }

        content[1] = 0;
        Assert.Equal(content, File.ReadAllBytes(folder.File("image")));
    }

    [Fact]
    public void File_that_cannot_be_mapped_so_is_told()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("image"), Content.Random(1));
        using FileStream file = File.OpenRead(folder.File("image"));
        UffdException denied = Assert.Throws<UffdException>(
            () => MemoryMapping.MapFile(file.SafeFileHandle, 0, Arena.Page, new MemoryMappingOptions { Shared = true }));
        Assert.Equal(Errno.EACCES, denied.Errno);
        Assert.Equal(Errno.EINVAL, Assert.Throws<UffdException>(() => MemoryMapping.MapFile(file.SafeFileHandle, 1, Arena.Page)).Errno);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Transparent_huge_pages_begin_at_a_multiple_of_their_size(bool memfd)
    {
        var options = new MemoryMappingOptions { Pages = MappingPages.TransparentHuge };
        using MemoryMapping mapping = memfd ? MemoryMapping.CreateMemfd("thp", Huge + 1, options) : MemoryMapping.CreateAnonymous(Huge + 1, options);
        Assert.True((mapping.Address & (Huge - 1)) == 0);
        Assert.Equal(Huge + Arena.Page, mapping.Length);
        Assert.Equal(Arena.Page, mapping.PageSize);
        mapping.AsSpan()[^1] = 1;
        Assert.Contains(" hg", SmapsFlags(mapping.Address), StringComparison.Ordinal);
    }

    [Fact]
    public void Disposing_unmaps_all_that_was_mapped_for_alignment()
    {
        MemoryMapping mapping = MemoryMapping.CreateMemfd("slack", Huge, new MemoryMappingOptions { Pages = MappingPages.TransparentHuge });
        mapping.Dispose();
        byte[] one = new byte[1];
        Assert.Equal(Errno.EFAULT, GuardedMemory.TryRead(mapping.Address, one));
        Assert.DoesNotContain("/memfd:slack", File.ReadAllText("/proc/self/maps"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Huge_pages_can_be_mapped(bool memfd)
    {
        using IDisposable reserved = Requires.HugePages(1);
        var options = new MemoryMappingOptions { Pages = MappingPages.Huge2MiB };
        using MemoryMapping mapping = memfd ? MemoryMapping.CreateMemfd("huge", 1, options) : MemoryMapping.CreateAnonymous(1, options);
        Assert.Equal((Huge, Huge), (mapping.Length, mapping.PageSize));
        mapping.AsSpan()[^1] = 1;
        if (memfd)
        {
            using MemoryMapping view = MemoryMapping.MapMemfd(mapping.Descriptor!, Huge, options);
            Assert.Equal(1, view.AsSpan()[^1]);
        }
    }

    [Fact]
    public void Huge_pages_that_are_not_there_are_told_with_the_command()
    {
        UffdException exception = Assert.Throws<UffdException>(
            () => MemoryMapping.CreateAnonymous(1UL << 40, new MemoryMappingOptions { Pages = MappingPages.Huge2MiB }));
        Assert.Equal(Errno.ENOMEM, exception.Errno);
        string advice = Assert.Single(exception.Message.Split("sudo sysctl -w vm.nr_hugepages=").Skip(1));
        Assert.True(ulong.Parse(advice) >= 524288, "what others have reserved comes on top");
    }

    [Fact]
    public void Terabytes_can_be_mapped_without_a_promise()
    {
        using MemoryMapping mapping = MemoryMapping.CreateAnonymous(8UL << 40, new MemoryMappingOptions { NoReserve = true });
        mapping.AsSpan(4UL << 40, 1)[0] = 1;
        Assert.Throws<OverflowException>(() => mapping.AsSpan());
    }

    [Fact]
    public void Spans_lie_inside_or_throw()
    {
        MemoryMapping mapping = MemoryMapping.CreateAnonymous(Arena.Page);
        Assert.Equal(0, mapping.AsSpan(Arena.Page, 0).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => mapping.AsSpan(1, (int)Arena.Page));
        Assert.Throws<ArgumentOutOfRangeException>(() => mapping.AsSpan(Arena.Page + 1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => mapping.AsSpan(0, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => MemoryMapping.CreateAnonymous(0));
        mapping.Dispose();
        Assert.Throws<ObjectDisposedException>(() => mapping.AsSpan());
        Assert.Throws<ObjectDisposedException>(() => mapping.Advise(MemoryAdvice.Normal));
        Assert.Throws<ObjectDisposedException>(() => mapping.Protect(MappingAccess.Read));
    }

    [Fact]
    public void Advice_and_protection_reach_the_kernel()
    {
        using MemoryMapping mapping = MemoryMapping.CreateAnonymous(2 * Arena.Page);
        mapping.AsSpan().Fill(1);
        mapping.Advise(MemoryAdvice.DontNeed, new AddressRange(mapping.Address, Arena.Page));
        Assert.Equal((0, 1), (mapping.AsSpan()[0], mapping.AsSpan()[^1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => mapping.Advise(MemoryAdvice.DontNeed, new AddressRange(mapping.Address, 3 * Arena.Page)));
        UffdException exception = Assert.Throws<UffdException>(() => mapping.Advise((MemoryAdvice)9999));
        Assert.Equal(Errno.EINVAL, exception.Errno);
        mapping.Protect(MappingAccess.Read);
        Assert.Contains("r--p", MapsLine(mapping.Address), StringComparison.Ordinal);
    }

    private static string MapsLine(ulong address)
        => File.ReadLines("/proc/self/maps").Single(line => RangeOf(line).Contains(address));

    private static string SmapsFlags(ulong address)
        => File.ReadLines("/proc/self/smaps")
            .SkipWhile(line => line.StartsWith("VmFlags", StringComparison.Ordinal) || !(char.IsAsciiHexDigitLower(line[0]) && RangeOf(line).Contains(address)))
            .First(line => line.StartsWith("VmFlags", StringComparison.Ordinal));

    private static AddressRange RangeOf(string line)
    {
        string[] bounds = line.Split(' ')[0].Split('-');
        return AddressRange.FromBounds(Convert.ToUInt64(bounds[0], 16), Convert.ToUInt64(bounds[1], 16));
    }
}
