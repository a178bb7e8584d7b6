using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Uffd.Bench;

/// <summary>What it costs to take pages out and to bring them in through the library's own calls: <c>moves.c</c> in C#.</summary>
internal static class MovesChild
{
    /// <summary>Few enough for a pass to be shorter than a time slice, or two.</summary>
    public const int Pages = 1024;

    private static readonly int[] Batches = [1, 16, 256];

    public static JsonObject Run(ChildOptions options)
    {
        var rows = new JsonArray();
        foreach (var beside in (bool[])[false, true])
        {
            using var moves = new PageMoves(Pages);
            using var other = beside ? new RunningThread() : null;
            foreach (var batch in Batches)
            {
                foreach (var (work, nanoseconds) in Measure(moves, batch, options.Count))
                {
                    rows.Add((JsonNode)new JsonObject { ["work"] = work, ["batch"] = batch, ["beside"] = beside, ["ns"] = nanoseconds });
                }
            }
        }

        return new JsonObject { ["rows"] = rows };
    }

    private static IEnumerable<(string Work, double Nanoseconds)> Measure(PageMoves moves, int batch, int passes)
    {
        var times = new Dictionary<string, List<double>>(StringComparer.Ordinal);

        // The first passes are compiled while they run.
        for (var pass = -passes; pass < passes; pass++)
        {
            Take("copy in, protected", moves.CopyIn);
            moves.Unprotect();
            Take("move out", moves.MoveOut);
            Take("move in", moves.MoveIn);
            Take("protect, copy out, discard", moves.CopyOut);
            Fill();
            Take("discard scattered", moves.DiscardScattered);
            Fill();
            Take("protect, copy out, discard scattered", moves.CopyOutScattered);

            void Fill()
            {
                Pass(moves.CopyIn, batch);
                moves.Unprotect();
            }

            void Take(string work, Action<ulong, ulong> step)
            {
                var nanoseconds = Pass(step, batch);
                if (pass >= 0)
                {
                    (times.TryGetValue(work, out var list) ? list : times[work] = []).Add(nanoseconds);
                }
            }
        }

        return times.Select(row => (row.Key, row.Value.Order().ElementAt(row.Value.Count / 2)));
    }

    /// <summary>In the order of moves.c: batches that follow each other are no neighbours.</summary>
    private static double Pass(Action<ulong, ulong> step, int batch)
    {
        const ulong Odd = 2654435761;
        var page = (ulong)Environment.SystemPageSize;
        var batches = (ulong)(Pages / batch);
        var start = Stopwatch.GetTimestamp();
        for (ulong i = 0; i < batches; i++)
        {
            step(i * Odd % batches * (ulong)batch * page, (ulong)batch * page);
        }

        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / Pages;
    }

    /// <summary>A thread that runs and does nothing: every change to a page that is mapped must be made known to its CPU.</summary>
    private sealed class RunningThread : IDisposable
    {
        private readonly Thread thread;
        private volatile bool stop;

        public RunningThread()
        {
            thread = new Thread(() =>
            {
                while (!stop)
                {
                    // Runs.
                }
            })
            {
                IsBackground = true,
            };
            thread.Start();
        }

        public void Dispose()
        {
            stop = true;
            thread.Join();
        }
    }
}
