using System.Diagnostics;
using System.Globalization;
using Uffd;
using Uffd.Processes;
using Uffd.Processes.Killed;

// take PID [STEP]   takes a userfaultfd, and is killed by itself at that step (counted from 0), if there is one
// stop PID [STEP]   stops all threads, and is killed by itself at that step
// loop PID          takes and stops without end, until it is killed from outside
// unsafe PID        sets a thread's registers with nothing to restore them, and is killed: what the target's checks must find
// idle 0            is a .NET program to be traced itself: says that it is there, and answers lines
// time PID COUNT    prints the pauses of so many takings and stops, in microseconds
if (args.Length < 2 || !int.TryParse(args[1], NumberStyles.None, CultureInfo.InvariantCulture, out int processId))
{
    Console.Error.WriteLine("usage: take|stop|loop|unsafe|time PID [STEP]");
    return 2;
}

int number = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : -1;
if (args[0] is "unsafe")
{
    Careless.Break(processId);
    return 1;
}

if (args[0] is "idle")
{
    Console.WriteLine("ready");
    while (Console.ReadLine() is { } line)
    {
        GC.Collect();
        Console.WriteLine(line);
    }

    return 0;
}

using var tracee = Tracee.OpenUninspected(processId);
using var self = ProcessHandle.TryOpen(Environment.ProcessId)!;
int steps = 0;
if (args[0] is "take" or "stop")
{
    TraceSteps.Reached = step =>
    {
        if (steps++ == number)
        {
            self.Kill();
        }
    };
}

switch (args[0])
{
    case "take":
        using (tracee.TakeUserfaultfd(UffdFeatures.None, out _))
        {
            Console.WriteLine(steps);
        }

        return 0;
    case "stop":
        tracee.RunStopped(new Nothing());
        Console.WriteLine(steps);
        return 0;
    case "loop":
        Console.WriteLine("begun");
        while (true)
        {
            using (tracee.TakeUserfaultfd(UffdFeatures.None, out _))
            {
                tracee.RunStopped(new Nothing());
            }
        }

    case "time":
        for (int round = 0; round < number; round++)
        {
            tracee.TakeUserfaultfd(UffdFeatures.None, out TimeSpan taken).Dispose();
            long start = Stopwatch.GetTimestamp();
            TimeSpan stopped = tracee.RunStopped(new Nothing());
            TimeSpan whole = Stopwatch.GetElapsedTime(start);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{taken.TotalMicroseconds:F0} {stopped.TotalMicroseconds:F0} {whole.TotalMicroseconds:F0}"));
        }

        return 0;
    default:
        return 2;
}
