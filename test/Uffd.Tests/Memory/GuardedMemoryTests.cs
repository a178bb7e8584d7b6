namespace Uffd.Tests.Memory;

public class GuardedMemoryTests
{
    [Fact]
    public void What_is_there_is_read()
    {
        using MemoryMapping mapping = MemoryMapping.CreateAnonymous(2 * Arena.Page);
        Content.Random(2).CopyTo(mapping.AsSpan());
        byte[] bytes = new byte[300];
        Assert.Equal(Errno.None, GuardedMemory.TryRead(mapping.Address + 4000, bytes));
        Assert.Equal(mapping.AsSpan(4000, 300).ToArray(), bytes);
        Assert.Equal(Errno.None, GuardedMemory.TryRead(mapping.Address, []));
    }

    [Fact]
    public void What_is_not_mapped_or_not_readable_is_an_answer()
    {
        using MemoryMapping mapping = MemoryMapping.CreateAnonymous(Arena.Page, new MemoryMappingOptions { Access = MappingAccess.None });
        Assert.Equal(Errno.EFAULT, GuardedMemory.TryRead(mapping.Address, new byte[1]));
        Assert.Equal(Errno.EFAULT, GuardedMemory.TryRead(0, new byte[1]));
        Assert.Equal(Errno.EFAULT, GuardedMemory.TryRead(ulong.MaxValue - 100, new byte[10]));
    }

    [Fact]
    public void File_that_was_cut_short_is_an_answer_even_if_a_part_is_there()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("image"), Content.Random(2));
        using FileStream file = File.Open(folder.File("image"), FileMode.Open, FileAccess.ReadWrite);
        using MemoryMapping mapping = MemoryMapping.MapFile(file.SafeFileHandle, 0, 2 * Arena.Page);
        file.SetLength((long)Arena.Page);
        Assert.Equal(Errno.None, GuardedMemory.TryRead(mapping.Address, new byte[Arena.Page]));
        Assert.Equal(Errno.EFAULT, GuardedMemory.TryRead(mapping.Address, new byte[2 * Arena.Page]));
        Assert.Equal(Errno.EFAULT, GuardedMemory.TryRead(mapping.Address + Arena.Page, new byte[1]));
    }
}
