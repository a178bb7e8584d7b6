namespace Uffd.Snapshots.Tests;

/// <summary>
/// What happens to a process's memory between two rounds, each thing placed exactly there: the snapshot's own progress says when. Afterwards the process does nothing,
/// and the snapshot must be what the process has.
/// </summary>
public class ChangingMappingsTests
{
    private const ulong Page = 4096;
    private const ulong Size = 64 * Page;

    public static TheoryData<string> Changes =>
    [
        "nothing", "write", "write everything", "discard", "discard all", "discard huge", "free", "unmap", "unmap the middle", "replace", "replace the same place later",
        "new mapping", "new thread", "move", "move and grow", "grow in place", "heap", "protect none", "protect and write", "split", "fork", "fork and write",
        "shared written", "shared removed", "file changed", "file dropped", "file dropped and read", "file deleted and dropped", "deleted file dropped", "locked", "huge written", "hidden content",
    ];

    [Theory(Timeout = 120_000)]
    [MemberData(nameof(Changes))]
    public async Task Snapshot_is_what_the_process_is_in_the_end(string change) => await Task.Run(() =>
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        using var folder = new TemporaryFolder();
        using var target = new SnapTarget();
        Scene scene = Scene.Prepare(target, folder, change);
        using var snapshot = new MemorySnapshot();
        int changes = 0;
        SnapshotReport report = ProcessSnapshot.Take(target.ProcessId, snapshot, new ProcessSnapshotOptions
        {
            MaxPause = TimeSpan.FromMilliseconds(500), // a loaded machine must not make it try again
            Progress = told =>
            {
                if (told is { Phase: SnapshotPhase.Copying, PagesLeft: 0, Round: 2 } && changes++ == 0)
                {
                    scene.Change();
                }
            },
        });
        Assert.Equal(1, Math.Min(changes, 1));
        scene.Check(snapshot);
        Assert.True(LiveMemory.AssertSame(target.ProcessId, snapshot) > 0);
        Assert.DoesNotContain(report.Warnings, warning => warning.Contains("could not be read", StringComparison.Ordinal));
    }, TestContext.Current.CancellationToken);

    [Theory(Timeout = 120_000)]
    [InlineData("exec")]
    [InlineData("exit")]
    [InlineData("kill")]
    public async Task Process_that_ends_in_the_middle_gives_an_error_and_no_snapshot(string end) => await Task.Run(() =>
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        using var target = new SnapTarget();
        using var snapshot = new MemorySnapshot();
        int ends = 0;
        UffdException failure = Assert.Throws<UffdException>(() => ProcessSnapshot.Take(target.ProcessId, snapshot, new ProcessSnapshotOptions
        {
            Progress = told =>
            {
                if (told is { Phase: SnapshotPhase.Copying, PagesLeft: 0, Round: 2 } && ends++ == 0)
                {
                    End(target, end);
                }
            },
        }, TestContext.Current.CancellationToken));
        Assert.Equal(Errno.ESRCH, failure.Errno);
        Assert.Throws<InvalidOperationException>(() => snapshot.State);
    }, TestContext.Current.CancellationToken);

    [Fact(Timeout = 120_000)]
    public async Task Cancelled_snapshot_leaves_the_process_as_it_was() => await Task.Run(() =>
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        using var target = new SnapTarget();
        ulong address = target.Do($"map {Size} private");
        target.Do($"fill {address} {Size} {7UL}");
        using var cancellation = new CancellationTokenSource();
        using var snapshot = new MemorySnapshot();
        Assert.ThrowsAny<OperationCanceledException>(() => ProcessSnapshot.Take(
            target.ProcessId,
            snapshot,
            new ProcessSnapshotOptions { Progress = _ => cancellation.Cancel() },
            cancellation.Token));
        target.Do($"fill {address} {Size} {9UL}");
        Assert.Contains("TracerPid:\t0", File.ReadAllText($"/proc/{target.ProcessId}/status"), StringComparison.Ordinal);
        Assert.DoesNotContain(" um ", File.ReadAllText($"/proc/{target.ProcessId}/smaps"), StringComparison.Ordinal);
        Assert.DoesNotContain(" uw ", File.ReadAllText($"/proc/{target.ProcessId}/smaps"), StringComparison.Ordinal);
    }, TestContext.Current.CancellationToken);

    private static void End(SnapTarget target, string how)
    {
        if (string.Equals(how, "exec", StringComparison.Ordinal))
        {
            target.Do($"exec"); // the new program says its id
        }
        else if (string.Equals(how, "kill", StringComparison.Ordinal))
        {
            target.Kill();
        }
        else
        {
            target.Tell($"exit");
            target.WaitForExit();
        }
    }

    /// <summary>Memory that is there before, what is done to it, and what must hold then.</summary>
    private sealed record Scene(Action Change, Action<MemorySnapshot> Check)
    {
        private const ulong DontNeed = 4, Free = 8, Remove = 9, ReadWrite = 3;

        public static Scene Prepare(SnapTarget target, TemporaryFolder folder, string change)
        {
            string path = folder.File("mapped");
            File.WriteAllBytes(path, [.. Enumerable.Range(0, (int)Size).Select(index => (byte)(index / 4096))]);
            ulong area = target.Do($"map {Size} private");
            ulong shared = target.Do($"map {Size} shared");
            ulong file = target.Do($"file {Size} private {path}");
            ulong huge = target.Do($"map {4UL << 20} huge");
            foreach ((ulong at, ulong length) in new[] { (area, Size), (shared, Size), (huge, 4UL << 20) })
            {
                target.Do($"fill {at} {length} {1000UL}");
            }

            target.Do($"fill {file + (3 * Page)} {2 * Page} {2000UL}");
            if (change.StartsWith("deleted", StringComparison.Ordinal))
            {
                File.Delete(path); // kept whole then: nobody can ask the file later
            }

            Action<MemorySnapshot> nothing = _ => { };
            ulong seed = 5555;
            return change switch
            {
                "nothing" => new(() => { }, nothing),
                "write" => new(() => target.Do($"fill {area + (5 * Page)} {Page} {seed}"), taken => Assert.Equal(seed, Word(taken, area + (5 * Page)))),
                "write everything" => new(() => target.Do($"fill {area} {Size} {seed}"), taken => Assert.Equal(seed + 512, Word(taken, area + Page))),
                "discard" => new(() => target.Do($"advise {area + Page} {Page} {DontNeed}"), taken => Assert.Equal(0UL, Word(taken, area + Page))),
                "discard all" => new(() => target.Do($"advise {area} {Size} {DontNeed}"), taken => Assert.Equal(0UL, Word(taken, area + (9 * Page)))),
                "discard huge" => new(() => target.Do($"advise {huge} {4UL << 20} {DontNeed}"), taken => Assert.Equal(0UL, Word(taken, huge + Page))),
                "free" => new(() => target.Do($"advise {area} {Size} {Free}"), nothing),
                "unmap" => new(() => target.Do($"unmap {area} {Size}"), taken => Assert.DoesNotContain(taken.State.Regions, region => region.Mapping.Range.Contains(area))),
                "unmap the middle" => new(() => target.Do($"unmap {area + (8 * Page)} {8 * Page}"), taken => Assert.Equal(1000UL, Word(taken, area))),
                "replace" => new(() => target.Do($"map {Size} private {area}"), taken => Assert.Equal(0UL, Word(taken, area))),
                "replace the same place later" => new(
                    () =>
                    {
                        target.Do($"unmap {area} {Size}");
                        target.Do($"map {Size} private {area}");
                        target.Do($"fill {area + (2 * Page)} {Page} {seed}");
                    },
                    taken => Assert.Equal((0UL, seed), (Word(taken, area), Word(taken, area + (2 * Page))))),
                "new mapping" => New(target, seed),
                "new thread" => new(() => target.Do($"thread"), taken => Assert.Equal(2, taken.State.Threads.Count)),
                "move" => Moved(target, area, Size),
                "move and grow" => Moved(target, area, 2 * Size),
                "grow in place" => new(
                    () =>
                    {
                        target.Do($"unmap {area + (Size / 2)} {Size / 2}");
                        Assert.Equal(area, target.Do($"grow {area} {Size / 2} {Size}"));
                        target.Do($"fill {area + (Size / 2)} {Page} {seed}");
                    },
                    taken => Assert.Equal((1000UL, seed), (Word(taken, area), Word(taken, area + (Size / 2))))),
                "heap" => Heap(target, seed),
                "protect none" => new(() => target.Do($"protect {area} {Size} {0UL}"), taken => Assert.Equal(1000UL, Word(taken, area))),
                "protect and write" => new(
                    () =>
                    {
                        target.Do($"protect {area} {Size} {1UL}");
                        target.Do($"protect {area} {Size} {ReadWrite}");
                        target.Do($"fill {area} {Page} {seed}");
                    },
                    taken => Assert.Equal((seed, 1000UL + 512), (Word(taken, area), Word(taken, area + Page)))),
                "split" => new(() => target.Do($"protect {area + Page} {Page} {1UL}"), taken => Assert.Equal(1000UL + 512, Word(taken, area + Page))),
                "fork" => new(() => target.Do($"fork"), nothing),
                "fork and write" => new(
                    () =>
                    {
                        target.Do($"fork");
                        target.Do($"fill {area} {Page} {seed}");
                    },
                    taken => Assert.Equal(seed, Word(taken, area))),
                "shared written" => new(() => target.Do($"fill {shared + (4 * Page)} {Page} {seed}"), taken => Assert.Equal(seed, Word(taken, shared + (4 * Page)))),
                "shared removed" => new(() => target.Do($"advise {shared + Page} {Page} {Remove}"), taken => Assert.Equal(0UL, Word(taken, shared + Page))),
                "file changed" => new(() => target.Do($"fill {file + (7 * Page)} {Page} {seed}"), taken => Assert.Equal((seed, 2000UL), (Word(taken, file + (7 * Page)), Word(taken, file + (3 * Page))))),
                "file dropped" => new(
                    () => target.Do($"advise {file + (3 * Page)} {Page} {DontNeed}"),
                    taken => Assert.Equal(0x0303030303030303UL, Word(taken, file + (3 * Page)))),
                "file dropped and read" => new(
                    () =>
                    {
                        target.Do($"advise {file + (3 * Page)} {Page} {DontNeed}");
                        target.Do($"read {file + (3 * Page)} {Page}");
                    },
                    taken => Assert.True(taken.GetRuns(new AddressRange(file + (3 * Page), Page)).Single().Kind == SnapshotPageKind.File || Word(taken, file + (3 * Page)) == 0x0303030303030303UL)),
                "file deleted and dropped" or "deleted file dropped" => new(
                    () =>
                    {
                        File.Delete(path);
                        target.Do($"advise {file + (3 * Page)} {Page} {DontNeed}");
                    },
                    taken => Assert.Equal(0x0303030303030303UL, Word(taken, file + (3 * Page)))),
                "locked" => new(() => target.Do($"lock {area} {Size}"), taken => Assert.Equal(1000UL, Word(taken, area))),
                "huge written" => new(() => target.Do($"fill {huge + (2UL << 20)} {Page} {seed}"), taken => Assert.Equal((1000UL, seed), (Word(taken, huge), Word(taken, huge + (2UL << 20))))),
                "hidden content" => new(
                    () =>
                    {
                        target.Do($"fill {area} {Page} {seed}");
                        target.Do($"protect {area} {Size} {0UL}");
                    },
                    taken => Assert.Equal(seed, Word(taken, area))),
                _ => throw new ArgumentOutOfRangeException(nameof(change), change, null),
            };
        }

        private static Scene New(SnapTarget target, ulong seed)
        {
            ulong made = 0;
            return new(
                () =>
                {
                    made = target.Do($"map {Size} private");
                    target.Do($"fill {made} {Size} {seed}");
                },
                taken => Assert.Equal(seed, Word(taken, made)));
        }

        private static Scene Moved(SnapTarget target, ulong area, ulong length)
        {
            ulong to = 0;
            return new(() => to = target.Do($"move {area} {Size} {length}"), taken => Assert.Equal(1000UL, Word(taken, to)));
        }

        private static Scene Heap(SnapTarget target, ulong seed)
        {
            ulong to = 0;
            return new(
                () =>
                {
                    to = (target.Do($"heap {Size}") + Page) & ~(Page - 1);
                    target.Do($"fill {to} {Page} {seed}");
                },
                taken => Assert.Equal(seed, Word(taken, to)));
        }

        private static ulong Word(MemorySnapshot taken, ulong address)
        {
            Span<byte> bytes = stackalloc byte[8];
            taken.Read(address, bytes);
            return BitConverter.ToUInt64(bytes);
        }
    }
}
