using System.Runtime.InteropServices;
using Uffd.Bench;

// 0: every target is met. 1: a target is missed. 2: nothing could be measured. 130: interrupted.
const string Usage = """
    usage: Uffd.Bench all [options]
           Uffd.Bench faults [options]
           Uffd.Bench sources [--json]
           Uffd.Bench clones [--json] [--image-size NMiB]
           Uffd.Bench outofcore [options; see outofcore --help]
           Uffd.Bench snapshot [options; see snapshot --help]
           Uffd.Bench migration [options; see migration --help]

      all      the pager beside its baselines, in every part
      faults   the parts one-cpu, free, two-cpus and fill: page faults beside the plainest C handler
      sources  ways to read a file while looking for pages of zeros, beside one plain copy
      clones   the memory of eight processes that share an image, beside that of one
      outofcore  memory larger than RAM, beside mmap
      snapshot  a Redis under load, copied while it runs, beside gcore, BGSAVE and fork()
      migration  memory that moves to another process, beside a plain TCP stream

      --json              one JSON object in place of the table
      --quick             small and once, to see that everything runs
      --rounds N          how often each side is measured, in turn (15)
      --touches N         pages that one round touches (5000; ten times as many for the rate)
      --image-size SIZE   the image: bytes, or with KiB, MiB or GiB (800MiB)
      --only PARTS        some of one-cpu,free,two-cpus,in-order,fill,slow,spaces,working-set
      --serve "OPTIONS"   more options for the pager, as "--spin 0"
      --self-check        the C handler takes the pager's place: every ratio should be near 1
    """;

if (args is ["serve", .. var server])
{
    return await SlowServer.RunAsync(server);
}

if (args is ["compression"]) { return CompressionBenchmark.Run(); }

if (args is [OutOfCoreChild.Verb, .. var child])
{
    return OutOfCoreChild.Run(child);
}

if (args is [MigrationChild.Verb, .. var side])
{
    return await MigrationChild.RunAsync(side);
}

if (args is not [("all" or "faults" or "sources" or "clones" or "outofcore" or "snapshot" or "migration") and var verb, .. var rest])
{
    var asked = args is ["--help"] or ["-h"];
    (asked ? Console.Out : Console.Error).WriteLine(Usage);
    return asked ? 0 : 2;
}

using var interrupted = new CancellationTokenSource();

// The image and the servers outlive a killed benchmark unless it is given the time to put them away.
void Interrupt(PosixSignalContext signal)
{
    signal.Cancel = true;
    interrupted.Cancel();
}

using var sigint = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
using var sigterm = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);

try
{
    if (verb is "sources")
    {
        Console.Write(await SourcesBenchmark.RunAsync(rest.Contains("--json"), interrupted.Token));
        return 0;
    }

    if (verb is "clones")
    {
        return await ClonesCommand.RunAsync(rest, interrupted.Token);
    }

    if (verb is "outofcore")
    {
        return await OutOfCoreCommand.RunAsync(rest, interrupted.Token);
    }

    if (verb is "snapshot")
    {
        return await SnapshotCommand.RunAsync(rest, interrupted.Token);
    }

    if (verb is "migration")
    {
        return await MigrationCommand.RunAsync(rest, interrupted.Token);
    }

    if (BenchOptions.Parse(verb, rest) is not { } options)
    {
        Console.WriteLine(Usage);
        return 0;
    }

    var report = await PagingBenchmark.RunAsync(options, interrupted.Token);
    Console.Write(options.Json ? report.ToJson() : report.ToTable());
    return report.Ok ? 0 : 1;
}
catch (BenchException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 2;
}
catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
{
    return 130;
}
