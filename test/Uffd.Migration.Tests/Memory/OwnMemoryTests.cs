using Uffd.Paging;

namespace Uffd.Migration.Tests.Memory;

/// <summary>This process's own memory as what is moved. Asynchronous write-protection stops nobody, so managed code may write to it.</summary>
public sealed class OwnMemoryTests : IDisposable
{
    private const ulong Size = 1 << 20;

    private static readonly ulong Page = (ulong)Environment.SystemPageSize;

    private readonly MemoryMapping _mapping = MemoryMapping.CreateAnonymous(Size);

    public OwnMemoryTests() => Requires.Features(UffdFeatures.WriteProtectAsync);

    public void Dispose() => _mapping.Dispose();

    [Fact]
    public void Writes_are_told_once_they_happened()
    {
        _mapping.AsSpan().Fill(1);
        using ProcessMigrationMemory memory = Followed(_mapping.Range);
        Assert.Empty(Take(memory));
        _mapping.AsSpan(3 * Page, (int)(2 * Page)).Fill(2);
        Assert.Equal([new SourceRange(3 * Page, 2 * Page)], Take(memory));
        Assert.Empty(Take(memory));
        Assert.Equal(TimeSpan.Zero, memory.AttachPause);
    }

    [Fact]
    public void Memory_that_nobody_touched_is_a_hole_until_it_is_written()
    {
        _mapping.AsSpan(4 * Page, (int)Page).Fill(1);
        using ProcessMigrationMemory memory = Followed(_mapping.Range);
        Assert.Equal(new SourceRun(4 * Page, SourceRunKind.Hole), memory.GetRun(0, Size));
        Assert.Equal(new SourceRun(Page, SourceRunKind.Data), memory.GetRun(4 * Page, Size - (4 * Page)));
        Assert.Equal(new SourceRun(100, SourceRunKind.Hole), memory.GetRun(6 * Page, 100));
        _mapping.AsSpan(7 * Page, 1).Fill(2);
        Assert.Equal([new SourceRange(7 * Page, Page)], Take(memory));
        Assert.Equal(new SourceRun(2 * Page, SourceRunKind.Hole), memory.GetRun(5 * Page, Size - (5 * Page)));
        Assert.Equal(SourceRunKind.Zero, memory.GetRun(Size, Page).Kind);
    }

    [Fact]
    public void What_is_discarded_is_told_once_and_is_a_hole()
    {
        _mapping.AsSpan().Fill(1);
        using ProcessMigrationMemory memory = Followed(_mapping.Range);
        _mapping.Advise(MemoryAdvice.DontNeed, Within(10, 5));
        Assert.Equal([new SourceRange(10 * Page, 5 * Page)], Take(memory));
        Assert.Equal(new SourceRun(5 * Page, SourceRunKind.Hole), memory.GetRun(10 * Page, Size - (10 * Page)));
        Assert.Empty(Take(memory));
        _mapping.Advise(MemoryAdvice.DontNeed, Within(20, 2));
        _mapping.AsSpan(20 * Page, 1)[0] = 9; // written again before anybody asks
        Assert.Equal([new SourceRange(20 * Page, Page), new SourceRange(21 * Page, Page)], Take(memory).SelectMany(Pages));
        _mapping.AsSpan(12 * Page, 1)[0] = 9;
        _mapping.Advise(MemoryAdvice.DontNeed, Within(12, 1)); // written and discarded: as it was, or told
        Assert.All(Take(memory), range => Assert.Equal(new SourceRange(12 * Page, Page), range));
        Assert.Equal(SourceRunKind.Hole, memory.GetRun(12 * Page, Page).Kind);
    }

    [Theory]
    [InlineData(MappingPages.TransparentHuge)]
    [InlineData(MappingPages.Base)]
    public void Discards_that_leave_no_page_table_are_told(MappingPages pages)
    {
        const ulong Huge = 2 << 20;
        using var mapping = MemoryMapping.CreateAnonymous(16 * Huge, new MemoryMappingOptions { Pages = pages });
        mapping.AsSpan().Fill(1);
        using ProcessMigrationMemory memory = Followed(mapping.Range);
        var copy = new MemoryCopy(memory);
        copy.TakeAll();
        Assert.Empty(copy.Take());
        ulong first = (mapping.Address + Huge - 1) / Huge * Huge;
        mapping.Advise(MemoryAdvice.DontNeed, new AddressRange(first, Huge));
        mapping.Advise(MemoryAdvice.DontNeed, new AddressRange(first + (3 * Huge) + (5 * Page), 4 * Huge));
        copy.Take();
        Assert.True(mapping.AsSpan().SequenceEqual(copy.Bytes), "a discard was not told");
        mapping.AsSpan(8 * Huge, 1)[0] = 3;
        copy.Take();
        Assert.True(mapping.AsSpan().SequenceEqual(copy.Bytes), "a write was not told");
        mapping.Advise(MemoryAdvice.DontNeed);
        copy.Take();
        Assert.False(copy.Bytes.AsSpan().ContainsAnyExcept((byte)0), "a discard was not told");
        Assert.Empty(copy.Take());
    }

    [Fact]
    public async Task None_is_lost_while_somebody_writes_and_discards()
    {
        using ProcessMigrationMemory memory = Followed(_mapping.Range);
        var copy = new MemoryCopy(memory);
        copy.TakeAll();
        Task writer = Task.Run(() => WriteAndDiscard(seed: 5, steps: 30_000), TestContext.Current.CancellationToken);
        while (!writer.IsCompleted)
        {
            copy.Take();
        }

        await writer;
        copy.Take();
        Assert.True(_mapping.AsSpan().SequenceEqual(copy.Bytes), "a write was lost");
    }

    [Fact]
    public void Offsets_go_through_the_ranges_in_their_order()
    {
        _mapping.AsSpan().Fill(1);
        using var other = MemoryMapping.CreateAnonymous(4 * Page);
        other.AsSpan().Fill(2);
        using ProcessMigrationMemory memory = Followed(Within(8, 2), other.Range, Within(2, 1));
        Assert.Equal(7 * Page, memory.Length);
        byte[] bytes = new byte[(int)memory.Length + 10];
        bytes[^1] = 7;
        memory.Read(0, bytes);
        Assert.Equal([.. Enumerable.Repeat((byte)1, 2 * (int)Page), .. Enumerable.Repeat((byte)2, 4 * (int)Page), .. Enumerable.Repeat((byte)1, (int)Page), .. new byte[10]], bytes);
        _mapping.AsSpan(2 * Page, 1)[0] = 3;
        other.AsSpan(Page, 1)[0] = 3;
        _mapping.AsSpan(5 * Page, 1)[0] = 3; // of no range
        Assert.Equal([new SourceRange(3 * Page, Page), new SourceRange(6 * Page, Page)], Take(memory));
        Assert.InRange(memory.GetRun(Page, 6 * Page).Length, Page, 6 * Page);
    }

    [Fact]
    public void Memory_that_is_replaced_is_gone()
    {
        _mapping.AsSpan().Fill(1);
        using ProcessMigrationMemory memory = Followed(_mapping.Range);
        NativeMap.Replace(Within(4, 1));
        Assert.Throws<UffdException>(() => Take(memory));
        Assert.Throws<UffdException>(() => Take(memory)); // and it stays so
    }

    [Fact]
    public void Page_that_is_poisoned_cannot_be_read_and_its_neighbours_can()
    {
        Requires.Features(UffdFeatures.Poison);
        _mapping.AsSpan(0, (int)(8 * Page)).Fill(1);
        using (var uffd = Userfaultfd.Create())
        {
            uffd.Register(_mapping.Range, UffdRegisterModes.Missing);
            _mapping.Advise(MemoryAdvice.DontNeed, Within(5, 1));
            uffd.Poison(Within(5, 1)).ThrowIfIncomplete();
        }

        using ProcessMigrationMemory memory = Followed(_mapping.Range);
        Assert.Throws<IOException>(() => memory.Read(0, new byte[8 * Page]));
        Assert.Throws<IOException>(() => memory.Read(5 * Page, new byte[Page]));
        memory.Read(6 * Page, new byte[2 * Page]);
        memory.Read(0, new byte[5 * Page]);
    }

    [Fact]
    public void What_is_punched_out_of_shared_memory_is_told()
    {
        Requires.Root(); // to open what lies behind it
        using var shared = MemoryMapping.CreateMemfd("moved", 64 * Page);
        shared.AsSpan(0, (int)(32 * Page)).Fill(1);
        using ProcessMigrationMemory memory = Followed(shared.Range);
        var copy = new MemoryCopy(memory);
        copy.TakeAll();
        Assert.Equal(new SourceRun(32 * Page, SourceRunKind.Hole), memory.GetRun(32 * Page, 32 * Page));
        shared.Advise(MemoryAdvice.Remove, new AddressRange(shared.Address + (4 * Page), 3 * Page));
        shared.AsSpan(40 * Page, 1)[0] = 5;
        Assert.Equal([new SourceRange(4 * Page, 3 * Page), new SourceRange(40 * Page, Page)], copy.Take());
        shared.Advise(MemoryAdvice.DontNeed); // leaves the file as it is
        shared.AsSpan(5 * Page, 1)[0] = 6;
        copy.Take();
        Assert.Equal(shared.AsSpan().ToArray(), copy.Bytes);
        Assert.Equal(new SourceRun(24 * Page, SourceRunKind.Data), memory.GetRun(8 * Page, Size));
    }

    [Fact]
    public void Private_pages_of_a_file_are_the_files_when_they_are_discarded()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("image"), [.. Enumerable.Repeat((byte)3, (int)(8 * Page))]);
        using FileStream file = File.OpenRead(folder.File("image"));
        using var mapped = MemoryMapping.MapFile(file.SafeFileHandle, 0, 8 * Page);
        mapped.AsSpan(2 * Page, (int)(2 * Page)).Fill(4);
        using ProcessMigrationMemory memory = Followed(mapped.Range);
        var copy = new MemoryCopy(memory);
        copy.TakeAll();
        mapped.Advise(MemoryAdvice.DontNeed, new AddressRange(mapped.Address + (2 * Page), Page));
        Assert.Contains(copy.Take(), range => range.Offset == 2 * Page);
        Assert.Equal(mapped.AsSpan().ToArray(), copy.Bytes);
        Assert.Equal(3, copy.Bytes[2 * Page]);
    }

    [Fact]
    public void Tracking_can_be_stopped_and_started_again()
    {
        _mapping.AsSpan().Fill(1);
        using ProcessMigrationMemory memory = Followed(_mapping.Range);
        using ProcessMigrationMemory other = ProcessMigrationMemory.Create(Environment.ProcessId, _mapping.Range);
        Assert.Equal(Errno.EBUSY, Assert.Throws<UffdException>(other.StartTracking).Errno);
        memory.StopTracking();
        Assert.Throws<InvalidOperationException>(() => Take(memory));
        other.StartTracking();
        other.StopTracking();
        memory.StartTracking();
        Assert.Empty(Take(memory));
        _mapping.AsSpan(Size - 1, 1)[0] = 2;
        Assert.Equal([new SourceRange(Size - Page, Page)], Take(memory));
    }

    [Fact]
    public void Reads_and_questions_allocate_nothing()
    {
        _mapping.AsSpan().Fill(1);
        using ProcessMigrationMemory memory = Followed(_mapping.Range);
        byte[] bytes = new byte[Size];
        long before = 0;
        for (int round = 0; round < 3; round++) // the first one compiles
        {
            before = GC.GetAllocatedBytesForCurrentThread();
            memory.Read(0, bytes);
            memory.GetRun(0, Size);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void Ranges_that_cannot_be_are_refused()
    {
        Assert.Throws<ArgumentException>(() => ProcessMigrationMemory.Create(Environment.ProcessId));
        Assert.Throws<ArgumentException>(() => ProcessMigrationMemory.Create(Environment.ProcessId, new AddressRange(_mapping.Address, 100)));
        Assert.Throws<ArgumentException>(() => ProcessMigrationMemory.Create(Environment.ProcessId, new AddressRange(_mapping.Address, 0)));
        Assert.Throws<ArgumentException>(() => ProcessMigrationMemory.Create(Environment.ProcessId, Within(0, 4), Within(3, 4)));
        Assert.Equal(Errno.ENOMEM, Assert.Throws<UffdException>(() => ProcessMigrationMemory.Create(Environment.ProcessId, new AddressRange(1 << 16, Page))).Errno);
    }

    private static ProcessMigrationMemory Followed(params AddressRange[] ranges)
    {
        var memory = ProcessMigrationMemory.Create(Environment.ProcessId, ranges);
        memory.StartTracking();
        return memory;
    }

    private static IReadOnlyList<SourceRange> Take(ProcessMigrationMemory memory)
    {
        var written = new List<SourceRange>();
        memory.TakeWritten(written);
        return [.. written.OrderBy(range => range.Offset)];
    }

    private static IEnumerable<SourceRange> Pages(SourceRange range)
    {
        for (ulong at = range.Offset; at < range.End; at += Page)
        {
            yield return new SourceRange(at, Page);
        }
    }

    private void WriteAndDiscard(int seed, int steps)
    {
        var random = new Random(seed);
        for (int step = 0; step < steps; step++)
        {
            int page = random.Next((int)(Size / Page));
            if (random.Next(4) == 0)
            {
                _mapping.Advise(MemoryAdvice.DontNeed, Within((ulong)page, 1));
            }
            else
            {
                _mapping.AsSpan((ulong)page * Page, (int)Page)[random.Next((int)Page)] = (byte)random.Next(256);
            }
        }
    }

    private AddressRange Within(ulong page, ulong pages) => new(_mapping.Address + (page * Page), pages * Page);
}
