using Uffd.Paging;

namespace Uffd.Migration.Tests.Support;

/// <summary>The memory that the other tests move tells every write, and its workload stands when it says so.</summary>
public sealed class TestMemoryTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Copy_in_rounds_is_equal_when_the_workload_stands(int seed)
    {
        var violations = new Violations();
        var memory = new TestMemory(50, violations, runPages: 7);
        var writer = new PageWriter(null, 1);
        writer.Fill(memory, new Random(seed), lostShare: 0.1);
        using var workload = new TestWorkload([memory], [writer], violations, seed, burst: 200);
        byte[] copy = new byte[memory.Length];
        memory.StartTracking();
        CopyAll(memory, copy, new SourceRange(0, memory.Length));
        for (int round = 0; round < 20; round++)
        {
            CopyWritten(memory, copy);
        }

        await workload.PauseAsync(TestContext.Current.CancellationToken);
        Assert.True(workload.Stands);
        CopyWritten(memory, copy);
        MemoryImage image = Assert.Single(workload.Images!);
        for (int page = 0; page < memory.PageCount; page++)
        {
            Assert.True(image.IsLost(page) || copy.AsSpan(page * 4096, 4096).SequenceEqual(image.Bytes.AsSpan(page * 4096, 4096)), $"page {page}");
        }

        Assert.Empty(violations.All);
        await workload.ResumeAsync();
        long before = workload.Writes;
        Assert.True(SpinWait.SpinUntil(() => workload.Writes > before, TestTime.Scaled(TimeSpan.FromSeconds(20))));
    }

    [Fact]
    public async Task What_a_contract_forbids_is_told()
    {
        var violations = new Violations();
        var memory = new TestMemory(2, violations);
        memory.TakeWritten([]);
        Assert.Throws<IOException>(() => memory.Read(8192, new byte[4096]));
        Assert.Throws<IOException>(() => memory.Read(1, new byte[4096]));
        Assert.Equal(3, violations.All.Count);

        var landing = new TestLanding(new MigrationRegion(0, "r", 8192), violations);
        landing.Write(4096, new byte[8192]);
        landing.Clear(0, 100);
        landing.Dispose();
        landing.Write(0, new byte[4096]);
        Assert.Equal(6, violations.All.Count);
        await Assert.ThrowsAsync<IOException>(() => landing.Completed);
    }

    private static void CopyWritten(TestMemory memory, byte[] copy)
    {
        var written = new List<SourceRange>();
        memory.TakeWritten(written);
        foreach (SourceRange range in written)
        {
            CopyAll(memory, copy, range);
        }
    }

    private static void CopyAll(TestMemory memory, byte[] copy, SourceRange range)
    {
        for (ulong at = range.Offset; at < range.End;)
        {
            SourceRun run = memory.GetRun(at, range.End - at);
            for (ulong page = at; page < at + run.Length; page += 4096)
            {
                Span<byte> place = copy.AsSpan((int)page, 4096);
                try
                {
                    if (run.Kind == SourceRunKind.Data)
                    {
                        memory.Read(page, place);
                    }
                    else
                    {
                        place.Clear();
                    }
                }
                catch (IOException)
                {
                    // it is one of those that fail
                }
            }

            at += run.Length;
        }
    }
}
