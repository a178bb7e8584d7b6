using System.Diagnostics;

namespace Uffd.OwnMemory.Hang;

/// <summary>Runs paths one after the other in this process, and tells what each met.</summary>
internal static class PathRuns
{
    private const int AllocatingThreads = 2;

    public static ExitCode List()
    {
        foreach (AccessPath path in AccessPaths.All)
        {
            Console.WriteLine($"{path.Name,-24} {string.Join(", ", path.Covers)}");
        }

        return ExitCode.Right;
    }

    public static ExitCode Go(Arguments arguments)
    {
        AccessPath[] paths = [.. AccessPaths.All.Where(path => arguments.What.Length == 0 || string.Equals(path.Name, arguments.What, StringComparison.Ordinal))];
        if (paths.Length == 0)
        {
            throw new FormatException($"there is no path {arguments.What}");
        }

        Console.WriteLine(BuildAndRuntime.Describe());
        var content = new Content();
        var met = new Met();
        using var allocators = new Allocators(AllocatingThreads);
        using var collector = new Collector();
        for (int index = 0; index < paths.Length; index++)
        {
            Console.WriteLine($"begin {paths[index].Name}"); // the last such line of a process that hangs tells where
            var run = new Run(content, arguments.Time / paths.Length, arguments.Seed, isAsyncStore: (arguments.Seed + index) % 2 == 0);
            long begin = Stopwatch.GetTimestamp();
            ExitCode result = Go(paths[index], run);
            if (result != ExitCode.Right)
            {
                Environment.Exit((int)result); // not by return: the threads that are stuck may hold what the end waits for
            }

            met.Add(paths[index].Name, run, Stopwatch.GetElapsedTime(begin));
        }

        met.Tell();
        return met.IsInconclusive ? ExitCode.Inconclusive : ExitCode.Right;
    }

    /// <summary>The control: a byte of the store is another than it was.</summary>
    public static ExitCode GoSpoiled(Arguments arguments)
    {
        var content = new Content();
        content.Stored[Layout.HotBytes / 2] ^= 1;
        using var collector = new Collector();
        return Go(CopyPaths.All[0], new Run(content, arguments.Time, arguments.Seed, isAsyncStore: false));
    }

    private static ExitCode Go(AccessPath path, Run run)
    {
        try
        {
            path.Go(run);
            return ExitCode.Right;
        }
        catch (StuckException exception)
        {
            Console.Error.WriteLine($"{path.Name}: {exception.Message}");
            return ExitCode.Stuck;
        }
        catch (Exception exception)
        {
            Console.Error.WriteLine($"{path.Name}: {exception}");
            return ExitCode.Wrong;
        }
    }
}
