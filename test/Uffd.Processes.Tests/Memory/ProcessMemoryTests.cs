namespace Uffd.Processes.Tests;

/// <summary>Reading and writing another process, against pages whose content is known (the state "pages" of test/native/obstacle.c).</summary>
public sealed class ProcessMemoryTests
{
    private const ulong Page = 4096;

    [Fact]
    public void Pages_are_read_whatever_they_allow_until_one_is_missing()
    {
        using Subject subject = Subject.Start("pages");
        using ProcessMemory memory = ProcessMemory.Open(subject.ProcessId);
        ulong start = subject.Numbers[1];
        byte[] bytes = new byte[12 * Page];
        Assert.Equal(6 * (int)Page, memory.Read(start, bytes)); // readable, PROT_NONE, write-only; then a hole
        AssertPages(bytes, 6, first: 1);
        Assert.Equal(0, memory.Read(start + (6 * Page), bytes));
        Assert.Equal(3 * (int)Page, memory.Read(start + (7 * Page), bytes)); // then the page behind the file's end
        AssertPages(bytes, 3, first: 8);
        Assert.Equal(0, memory.Read(start + (10 * Page), bytes));
        Assert.Equal(100, memory.Read(start + (6 * Page) - 100, bytes)); // not whole pages
        Assert.Equal(0, memory.Read(start, []));
        Assert.Equal(0, memory.Read(0, bytes));
        Assert.Equal(0, memory.Read(ulong.MaxValue - 10, bytes));
    }

    [Fact]
    public void Ranges_come_one_behind_the_other_and_end_at_the_first_gap()
    {
        using Subject subject = Subject.Start("pages");
        using ProcessMemory memory = ProcessMemory.Open(subject.ProcessId);
        ulong start = subject.Numbers[1];
        byte[] bytes = new byte[8 * Page];
        AddressRange[] ranges = [At(start, 4, 1), At(start, 0, 0), At(start, 0, 2), At(start, 9, 2), At(start, 7, 1)];
        Assert.Equal(4 * (long)Page, memory.Read(ranges, bytes));
        Assert.Equal([5, 1, 2, 10], Enumerable.Range(0, 4).Select(page => bytes[page * (int)Page]));
        Assert.Equal(0, memory.Read([], bytes));
        Assert.Throws<ArgumentException>(() => memory.Read(ranges, new byte[Page]));
    }

    [Fact]
    public void More_ranges_than_one_call_takes_are_read_and_nothing_is_allocated()
    {
        using Subject subject = Subject.Start("pages");
        using ProcessMemory memory = ProcessMemory.Open(subject.ProcessId);
        ulong start = subject.Numbers[1];
        AddressRange[] ranges = [.. Enumerable.Range(0, 5000).Select(index => new AddressRange(start + (ulong)((index % 2 * 4096) + (index % 512)), 8))];
        byte[] bytes = new byte[ranges.Length * 8];
        Assert.Equal(bytes.Length, memory.Read(ranges, bytes));
        Assert.All(Enumerable.Range(0, ranges.Length), index => Assert.Equal(1 + (index % 2), bytes[index * 8]));
        ranges[2500] = At(start, 2, 1) is var none ? new AddressRange(none.Start, 8) : default; // PROT_NONE in the middle
        ranges[4900] = new AddressRange(start + (6 * Page) - 3, 8); // three bytes before the hole
        long before = GC.GetAllocatedBytesForCurrentThread();
        long read = memory.Read(ranges, bytes);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal((4900 * 8) + 3, read);
        Assert.Equal(3, bytes[2500 * 8]);
    }

    [Fact]
    public void Writing_passes_over_what_a_mapping_allows()
    {
        using Subject subject = Subject.Start("pages");
        using ProcessMemory memory = ProcessMemory.Open(subject.ProcessId);
        ulong start = subject.Numbers[1];
        memory.Write(start + (8 * Page) - 2, [1, 2, 3, 4]); // from a read-only page into the next
        byte[] bytes = new byte[4];
        Assert.Equal(4, memory.Read(start + (8 * Page) - 2, bytes));
        Assert.Equal([1, 2, 3, 4], bytes);
        Assert.Equal(Errno.EIO, Assert.Throws<UffdException>(() => memory.Write(start + (6 * Page), bytes)).Errno);
    }

    [Fact]
    public void After_exec_nothing_of_the_new_program_is_read()
    {
        using Subject subject = Subject.Start("pages");
        using ProcessMemory memory = ProcessMemory.Open(subject.ProcessId);
        Assert.True(memory.IsAlive);
        subject.Do("exec");
        using ProcessMemory anew = ProcessMemory.Open(subject.ProcessId);
        ulong address = MemoryMap.Read(subject.ProcessId).Regions[0].Range.Start;
        byte[] bytes = new byte[Page];
        Assert.Equal(bytes.Length, anew.Read(address, bytes)); // the id leads to it
        Assert.False(memory.IsAlive);
        Assert.Equal(Errno.ESRCH, Assert.Throws<UffdException>(() => memory.Read(address, bytes)).Errno);
        Assert.Equal(Errno.ESRCH, Assert.Throws<UffdException>(() => memory.Write(address, bytes)).Errno);
    }

    [Fact]
    public void Process_that_ended_is_told_so()
    {
        using Subject subject = Subject.Start("pages");
        using ProcessMemory memory = ProcessMemory.Open(subject.ProcessId);
        subject.Kill();
        Assert.Equal(Errno.ESRCH, Assert.Throws<UffdException>(() => memory.Read(subject.Numbers[1], new byte[Page])).Errno);
        Assert.Equal(Errno.ESRCH, Assert.Throws<UffdException>(() => ProcessMemory.Open(subject.ProcessId)).Errno);
    }

    [Fact]
    public void Process_whose_first_thread_has_ended_is_read()
    {
        using Subject subject = Subject.Start("headless");
        using ProcessMemory memory = ProcessMemory.Open(subject.ProcessId);
        MappedRegion program = MemoryMap.Read(subject.ProcessId).Regions[0];
        byte[] head = new byte[4];
        Assert.Equal(4, memory.Read(program.Range.Start, head));
        Assert.Equal([0x7F, (byte)'E', (byte)'L', (byte)'F'], head);
    }

    private static AddressRange At(ulong start, ulong page, ulong pages) => new(start + (page * Page), pages * Page);

    private static void AssertPages(byte[] bytes, int count, int first)
    {
        for (int page = 0; page < count; page++)
        {
            Assert.False(bytes.AsSpan(page * (int)Page, (int)Page).ContainsAnyExcept((byte)(first + page)), $"page {page}");
        }
    }
}
