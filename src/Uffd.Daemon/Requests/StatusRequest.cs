using System.Diagnostics;
using System.Text.Json;
using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary><c>{"request":"status"}</c>: what is served, and what was done for it.</summary>
internal sealed class StatusRequest(PagerDaemonOptions options, Pager pager, ClientReports reports)
{
    /// <summary>Its name.</summary>
    public const string Name = "status";

    private const int MaxClients = 1024; // told one by one

    private readonly long _since = Stopwatch.GetTimestamp();

    public RequestAnswer Answer(JsonElement request)
        => new((byte[])[.. JsonSerializer.SerializeToUtf8Bytes(Take(), StatusJson.Default.DaemonStatus), (byte)'\n']);

    /// <summary>What it is now.</summary>
    public DaemonStatus Take()
    {
        IReadOnlyList<ClientStatus> clients = reports.TakeClients(MaxClients, out int count);
        return new DaemonStatus
        {
            ProcessId = Environment.ProcessId,
            Seconds = Math.Round(Stopwatch.GetElapsedTime(_since).TotalSeconds, 3),
            ImageBytes = options.Image.Length,
            MaxClients = options.MaxClients,
            ClientCount = count,
            AttachedCount = reports.AttachedCount,
            RefusedCount = reports.RefusedCount,
            Clients = clients,
            Totals = pager.GetStatistics(),
        };
    }
}
