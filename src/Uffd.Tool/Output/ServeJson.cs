using System.Text.Json.Serialization;
using Uffd.Daemon;

namespace Uffd.Tool.Output;

/// <summary>A line of <c>uffd serve --json</c>. Described in docs/cli.md; add fields, never change one.</summary>
internal sealed record ServeJson(
    string Event,
    string Message,
    int? Client,
    int? Pid,
    ulong? Bytes,
    double? Seconds,
    ServeCountsJson? Counts,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<ClientJson>? Clients = null)
{
    /// <summary>Puts the numbers of the whole daemon into this shape.</summary>
    public static ServeJson From(DaemonStatus status) => new(
        "numbers",
        NumbersText.Headline(status),
        null,
        null,
        null,
        status.Seconds,
        ServeCountsJson.From(status.Totals),
        [.. status.Clients.Select(ClientJson.From)]);

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
