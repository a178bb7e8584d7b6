using System.Diagnostics;
using Uffd.Migration.Tests.Support;

namespace Uffd.Migration.Tests.Model;

/// <summary>Says to one side of a migration what the other said in an honest one, changed here and there. It must end, by an error of its own or in good order, and harm nobody.</summary>
internal static class WireFuzz
{
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(30));
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Stall = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan Resume = TimeSpan.FromMilliseconds(20);

    private static readonly Lazy<Task<List<(bool IsSource, WireFrame Frame)>>[]> Honest = new(static () => [RecordAsync(0), RecordAsync(2)]);

    /// <summary>Runs one.</summary>
    /// <param name="seed">What is changed, and who is told it.</param>
    /// <returns>What is wrong, none when all is well; and whether it got as far as the switch.</returns>
    public static async Task<(IReadOnlyList<string> Wrong, bool HasSwitched)> RunAsync(int seed)
    {
        bool hasSwitched = false;
        var random = new Random(seed);
        List<(bool IsSource, WireFrame Frame)> honest = await Honest.Value[random.Next(2)];
        var violations = new Violations();
        try
        {
            hasSwitched = await (random.Next(2) == 0 ? FuzzDestinationAsync(honest, random, violations) : FuzzSourceAsync(honest, random, violations));
        }
        catch (Exception exception)
        {
            violations.Add(exception.ToString());
        }

        return ([.. violations.All], hasSwitched);
    }

    private static async Task<bool> FuzzDestinationAsync(List<(bool IsSource, WireFrame Frame)> honest, Random random, Violations violations)
    {
        using var peer = new WirePeer();
        int starts = 0;
        bool isGivenUp = false;
        using var destination = new MigrationDestination(new MigrationDestinationOptions
        {
            Land = region => new TestLanding(region, violations) { IsGivenUp = () => Volatile.Read(ref isGivenUp) },
            Start = (_, _) => Interlocked.Increment(ref starts) > 1 ? throw new InvalidOperationException("started twice") : ValueTask.CompletedTask,
            MaxBytes = 1 << 20,
            StallTimeout = Stall,
            ResumeTimeout = Resume,
        });
        Task run = destination.RunAsync(peer.Link);
        await SayAsync(peer, honest, isSource: true, random);
        await Task.WhenAny(run, Task.Delay(Pace));
        Volatile.Write(ref isGivenUp, true);
        destination.GiveUp("the test is over");
        peer.Dispose();
        await EndAsync(run, violations);
        if (Volatile.Read(ref starts) > 1)
        {
            violations.Add("the workload was started twice");
        }

        return Volatile.Read(ref starts) > 0;
    }

    private static async Task<bool> FuzzSourceAsync(List<(bool IsSource, WireFrame Frame)> honest, Random random, Violations violations)
    {
        using var peer = new WirePeer();
        (TestMemory memory, TestWorkload workload) = MakeSource(violations);
        using (workload)
        {
            using var source = new MigrationSource([memory], ["heap"], workload, new MigrationSourceOptions { MaxRounds = random.Next(3), StallTimeout = Stall, ResumeTimeout = Resume });
            Task run = source.RunAsync(peer.Link);
            await SayAsync(peer, honest, isSource: false, random);
            await Task.WhenAny(run, Task.Delay(Pace));
            peer.Dispose();
            await Task.WhenAny(run, Task.Delay(4 * Resume));
            source.GiveUp();
            Exception? failure = await EndAsync(run, violations);
            bool mayHaveMoved = failure is null or MigrationException { MayHaveMoved: true };
            if (workload.Stands != mayHaveMoved && !await BecomesAsync(workload, mayHaveMoved))
            {
                violations.Add($"the workload {(mayHaveMoved ? "runs at both sides" : "stands")}: {failure?.Message}");
            }

            if (memory.IsTracked)
            {
                violations.Add("the memory is tracked still");
            }

            return mayHaveMoved;
        }
    }

    /// <summary>Says it, in pace with what the other side says, as it was when it was recorded.</summary>
    private static async Task SayAsync(WirePeer peer, List<(bool IsSource, WireFrame Frame)> honest, bool isSource, Random random)
    {
        int heard = 0;
        var hearing = new Thread(() =>
        {
            while (peer.Receive() is not null)
            {
                Interlocked.Increment(ref heard);
            }
        })
        {
            IsBackground = true,
        };
        hearing.Start();
        Guid session = peer.Session;
        List<WireFrame> said = FrameMutation.Mutate([.. honest.Where(entry => entry.IsSource == isSource).Select(entry => WithSession(entry.Frame, session))], random);
        int[] pace = [.. honest.Select((entry, index) => (entry, index)).Where(one => one.entry.IsSource == isSource).Select(one => honest.Take(one.index).Count(entry => entry.IsSource != isSource))];
        int damaged = random.Next(4) == 0 ? random.Next(said.Count + 1) : -1;
        for (int index = 0; index < said.Count; index++)
        {
            long start = Stopwatch.GetTimestamp();
            while (index < pace.Length && Volatile.Read(ref heard) < pace[index] && Stopwatch.GetElapsedTime(start) < Pace && !peer.Closed.IsCompleted)
            {
                await Task.Delay(1);
            }

            byte[] bytes = said[index].ToBytes((uint)index);
            peer.SendRaw(index == damaged ? FrameMutation.Damage(bytes, random) : bytes);
        }
    }

    /// <summary>A recorded hello names the session that it was recorded in.</summary>
    private static WireFrame WithSession(WireFrame frame, Guid session)
        => frame.Type == (byte)FrameType.Hello ? frame with { Head = [.. frame.Head[..16], .. session.ToByteArray(), .. frame.Head[32..]] } : frame;

    private static async Task<Exception?> EndAsync(Task run, Violations violations)
    {
        if (await Task.WhenAny(run, Task.Delay(Patience)) != run)
        {
            violations.Add("hang");
            return null;
        }

        Exception? failure = run.Exception?.InnerException;
        if (failure is not (null or MigrationException) || failure?.Message.Contains('\n', StringComparison.Ordinal) == true)
        {
            violations.Add($"not a clear error: {failure}");
        }

        return failure;
    }

    private static async Task<bool> BecomesAsync(TestWorkload workload, bool stands)
    {
        for (long start = Stopwatch.GetTimestamp(); workload.Stands != stands && Stopwatch.GetElapsedTime(start) < Patience; await Task.Delay(1))
        {
            // it is on its way
        }

        return workload.Stands == stands;
    }

    private static (TestMemory Memory, TestWorkload Workload) MakeSource(Violations violations)
    {
        var memory = new TestMemory(20, violations);
        var writer = new PageWriter(null, 1);
        writer.Fill(memory, new Random(1), lostShare: 0.1);
        return (memory, new TestWorkload([memory], [writer], violations, seed: 1, burst: 0));
    }

    private static async Task<List<(bool IsSource, WireFrame Frame)>> RecordAsync(int rounds)
    {
        var violations = new Violations();
        (DuplexPipe left, DuplexPipe right) = DuplexPipe.Create();
        var tap = new Tap();
        var session = Guid.NewGuid();
        (TestMemory memory, TestWorkload workload) = MakeSource(violations);
        using (workload)
        {
            using var source = new MigrationSource([memory], ["heap"], workload, new MigrationSourceOptions { MaxRounds = rounds });
            using var destination = new MigrationDestination(new MigrationDestinationOptions { Land = region => new TestLanding(region, violations), Start = static (_, _) => ValueTask.CompletedTask });
            await Task.WhenAll(source.RunAsync(new MigrationLink(session, [new TapStream(left, tap)])), destination.RunAsync(new MigrationLink(session, [right]))).WaitAsync(Patience);
        }

        return tap.Frames();
    }
}
