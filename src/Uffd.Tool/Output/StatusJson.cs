using Uffd.Daemon;

namespace Uffd.Tool.Output;

/// <summary>The object that <c>uffd status --json</c> prints. Described in docs/cli.md; add fields, never change one.</summary>
internal sealed record StatusJson(
    int Pid,
    double Seconds,
    ulong ImageBytes,
    int MaxClients,
    int ClientCount,
    long AttachedCount,
    long RefusedCount,
    IReadOnlyList<ClientJson> Clients,
    ServeCountsJson Totals)
{
    /// <summary>Puts a sample into this shape.</summary>
    public static StatusJson From(DaemonStatus status) => new(
        status.ProcessId,
        status.Seconds,
        status.ImageBytes,
        status.MaxClients,
        status.ClientCount,
        status.AttachedCount,
        status.RefusedCount,
        [.. status.Clients.Select(ClientJson.From)],
        ServeCountsJson.From(status.Totals));
}

/// <summary>A client that is served.</summary>
internal sealed record ClientJson(int Client, int Pid, string Name, double Seconds, ServeCountsJson Counts)
{
    public static ClientJson From(ClientStatus client) => new(client.Number, client.ProcessId, client.Name, client.Seconds, ServeCountsJson.From(client.Counts));
}
