using System.Diagnostics;

namespace Uffd.Bench;

/// <summary>Gives both servers their turn, and watches that the one that waits really rests.</summary>
internal sealed class Turns(ServerProcess baseline, ServerProcess candidate)
{
    private const double Restful = 0.02;
    private readonly TimeSpan[] busyWhileIdle = new TimeSpan[2];
    private readonly TimeSpan[] idle = new TimeSpan[2];

    public ServerProcess[] Servers { get; } = [baseline, candidate];

    /// <summary>Who begins changes with the round, so that neither always follows the other.</summary>
    public async Task TakeAsync(int round, Func<int, ServerProcess, Task> turn)
    {
        foreach (var side in (int[])(round % 2 == 1 ? [0, 1] : [1, 0]))
        {
            var other = 1 - side;
            var before = Servers[other].ProcessorTime;
            var watch = Stopwatch.StartNew();
            await turn(side, Servers[side]);
            busyWhileIdle[other] += Servers[other].ProcessorTime - before;
            idle[other] += watch.Elapsed;
        }
    }

    public void NoteBusyIdlers(Placement placement, Workbench bench)
    {
        for (var side = 0; side < 2; side++)
        {
            var share = busyWhileIdle[side] / idle[side];
            if (share > Restful)
            {
                bench.Note(
                    $"{placement.Name}: {Servers[side].Name} used {share:P0} of a CPU while the other side was "
                    + "measured, so the other side's figures are too slow");
            }
        }
    }
}
