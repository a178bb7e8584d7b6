using Uffd.Daemon;
using Uffd.Paging;

namespace Uffd.Tool.Output;

/// <summary>A line of <c>uffd serve --json</c>. Described in docs/cli.md; add fields, never change one.</summary>
internal sealed record ServeJson(
    string Event,
    string Message,
    int? Client,
    int? Pid,
    ulong? Bytes,
    double? Seconds,
    ServeCountsJson? Counts)
{
    /// <summary>Puts an event into this shape.</summary>
    public static ServeJson From(DaemonEvent happened)
    {
        string name = happened.Kind.ToString();
        bool client = happened.Client != 0;
        return new ServeJson(
            $"{char.ToLowerInvariant(name[0])}{name[1..]}",
            happened.Message,
            client ? happened.Client : null,
            happened.ProcessId != 0 ? happened.ProcessId : null,
            client ? happened.Bytes : null,
            client ? happened.Seconds : null,
            happened.Statistics is { } served ? ServeCountsJson.From(served) : null);
    }
}

internal sealed record ServeCountsJson(
    long Faults,
    long DuplicateFaults,
    long DemandPages,
    long BackgroundPages,
    long ZeroPages,
    long CopiedBytes,
    long RemovedPages,
    long PoisonedPages,
    long SourceFailures,
    long Retries,
    long AlreadyPresent,
    long Events,
    long OutsideFaults,
    long PendingPages,
    long TotalPages)
{
    public static ServeCountsJson From(AddressSpaceStatistics served) => new(
        served.Faults,
        served.DuplicateFaults,
        served.DemandPages,
        served.BackgroundPages,
        served.ZeroPages,
        served.CopiedBytes,
        served.RemovedPages,
        served.PoisonedPages,
        served.SourceFailures,
        served.Retries,
        served.AlreadyPresent,
        served.Events,
        served.OutsideFaults,
        served.PendingPages,
        served.TotalPages);
}
