using System.Text.Json.Serialization;
using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>What a daemon serves, and what it has done so far.</summary>
public sealed record DaemonStatus
{
    /// <summary>Its process.</summary>
    [JsonPropertyName("pid")]
    public int ProcessId { get; init; }

    /// <summary>Seconds since it listens.</summary>
    public double Seconds { get; init; }

    /// <summary>Bytes of the image.</summary>
    public ulong ImageBytes { get; init; }

    /// <summary>The most clients it takes in.</summary>
    public int MaxClients { get; init; }

    /// <summary>How many clients are served.</summary>
    public int ClientCount { get; init; }

    /// <summary>How many were served ever, those that are gone among them.</summary>
    public long AttachedCount { get; init; }

    /// <summary>How many connections were refused.</summary>
    public long RefusedCount { get; init; }

    /// <summary>The clients that are served, in the order they came; the latest 1024 where there are more.</summary>
    public IReadOnlyList<ClientStatus> Clients { get; init; } = [];

    /// <summary>All clients together, those that are gone too; what is resident and pending is of those that are served.</summary>
    public AddressSpaceStatistics Totals { get; init; } = new();
}

/// <summary>A client that is served.</summary>
public sealed record ClientStatus
{
    /// <summary>Its number, from 1.</summary>
    [JsonPropertyName("client")]
    public int Number { get; init; }

    /// <summary>The process that handed its memory over; of a forked child, that of its parent. 0 where it is not known.</summary>
    [JsonPropertyName("pid")]
    public int ProcessId { get; init; }

    /// <summary>What its process calls itself (/proc/PID/comm), without control characters; may be empty.</summary>
    public string Name { get; init; } = "";

    /// <summary>Seconds since it was attached.</summary>
    public double Seconds { get; init; }

    /// <summary>What was done for it.</summary>
    public AddressSpaceStatistics Counts { get; init; } = new();
}
