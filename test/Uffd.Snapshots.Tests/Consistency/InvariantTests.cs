using System.Globalization;

namespace Uffd.Snapshots.Tests;

/// <summary>
/// Snapshots of processes under load are of one instant: they keep promises that the process keeps at every instant, and that
/// a copy without the stop breaks (<see cref="InvariantControlTests"/>). UFFD_SNAPSHOTS=100 takes so many of each process.
/// </summary>
public class InvariantTests
{
    private const int Usual = 8;

    /// <summary>How many snapshots of each process.</summary>
    internal static readonly int Count =
        int.TryParse(Environment.GetEnvironmentVariable("UFFD_SNAPSHOTS"), NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count is > 0 and <= 100_000
            ? count
            : Usual;

    public static TheoryData<string> Parts => InvariantControlTests.Parts;

    [Theory(Timeout = 3_600_000)]
    [MemberData(nameof(Parts))]
    public async Task Every_snapshot_under_load_is_of_one_instant(string parts)
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        await using InvariantProcess process = await InvariantProcess.StartAsync(parts);
        for (int number = 1; number <= Count; number++)
        {
            using var snapshot = new MemorySnapshot();
            SnapshotReport report = await process.TakeSnapshotAsync(snapshot);
            Judge(process, snapshot, report, number);
        }

        await process.EndAsync();
    }

    [Theory(Timeout = 300_000)]
    [InlineData("core")]
    [InlineData("image")]
    public async Task A_snapshot_in_a_file_is_of_one_instant(string format)
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        using var folder = new TemporaryFolder();
        await using InvariantProcess process = await InvariantProcess.StartAsync(string.Join(',', InvariantProcess.AllParts));
        for (int number = 1; number <= Math.Max(3, Count / 10); number++)
        {
            string path = folder.File($"{number}.{format}");
            SnapshotReport report;
            using (ISnapshotSink sink = CreateSink(format, path))
            {
                report = await process.TakeSnapshotAsync(sink);
            }

            using (SnapshotReader reader = SnapshotReader.Open(path))
            {
                Assert.Equal(format, reader.Snapshot.Format);
                Judge(process, reader.Snapshot, report, number);
            }

            File.Delete(path);
        }

        await process.EndAsync();
    }

    [Fact(Timeout = 300_000)]
    public async Task An_image_and_those_written_against_it_are_each_of_their_own_instant()
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        using var folder = new TemporaryFolder();
        await using InvariantProcess process = await InvariantProcess.StartAsync(string.Join(',', InvariantProcess.AllParts));
        var reports = new List<SnapshotReport>();
        string? parent = null;
        for (int number = 1; number <= 4; number++)
        {
            string path = folder.File($"{number}.image");
            using SnapshotImageWriter sink = SnapshotImageWriter.Create(path, new SnapshotImageOptions { Parent = parent, Durable = false });
            reports.Add(await process.TakeSnapshotAsync(sink));
            parent = path;
        }

        for (int number = 1; number <= 4; number++)
        {
            using SnapshotImage image = SnapshotImage.Open(folder.File($"{number}.image"));
            Assert.Equal(number - 1, image.Parents.Count);
            Judge(process, image, reports[number - 1], number);
        }

        await process.EndAsync();
    }

    private static ISnapshotSink CreateSink(string format, string path)
        => format is "core"
            ? ElfCoreWriter.Create(path, new SnapshotFileOptions { Durable = false })
            : SnapshotImageWriter.Create(path, new SnapshotImageOptions { Durable = false });

    private static void Judge(InvariantProcess process, ISnapshot snapshot, SnapshotReport report, int number)
    {
        TestContext.Current.SendDiagnosticMessage(string.Create(
            CultureInfo.InvariantCulture,
            $"{string.Join(',', process.Parts)}: snapshot {number}, rounds of {string.Join(' ', report.Rounds.Select(round => round.Pages))} pages, {report.Duration.TotalMilliseconds:0} ms, the last stop {report.FinalPause.TotalMilliseconds:0.00} ms"));
        IReadOnlyList<IInvariant> invariants = process.Invariants();
        if (invariants.OfType<ChurnInvariant>().FirstOrDefault()?.Refusals(snapshot) is > 0 and { } refusals)
        {
            TestContext.Current.SendDiagnosticMessage($"the process has been refused to move memory {refusals} times");
        }

        foreach (IInvariant invariant in invariants)
        {
            try
            {
                invariant.Check(snapshot);
            }
            catch (BrokenInvariantException exception)
            {
                Assert.Fail(
                    $"snapshot {number}, of {report.Rounds.Count} rounds and a last stop of {report.FinalPause.TotalMilliseconds:0.00} ms, is of no instant: {exception.Message}");
            }
        }
    }
}
