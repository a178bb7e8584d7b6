using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>What a daemon tells about.</summary>
public enum DaemonEventKind
{
    /// <summary>It listens.</summary>
    Ready,

    /// <summary>A client handed over its memory and is being served.</summary>
    Attached,

    /// <summary>All of a client's memory has been brought.</summary>
    Resident,

    /// <summary>A client is gone or served no longer.</summary>
    Gone,

    /// <summary>A connection was refused.</summary>
    Refused,

    /// <summary>Something about a client that is being served: a failing source, a poisoned page, a fork.</summary>
    Notice,

    /// <summary>It was asked to stop and brings what clients still miss.</summary>
    Draining,

    /// <summary>It has stopped.</summary>
    Stopped,
}

/// <summary>One thing that happened.</summary>
/// <param name="Kind">What.</param>
/// <param name="Message">One line for people, without the client.</param>
/// <param name="Client">The client's number, or 0.</param>
/// <param name="ProcessId">The client's process, or 0.</param>
/// <param name="Bytes">Bytes of the memory it handed over, or 0.</param>
/// <param name="Seconds">Since it was attached.</param>
/// <param name="Statistics">What was done for it, or null.</param>
public sealed record DaemonEvent(
    DaemonEventKind Kind,
    string Message,
    int Client = 0,
    int ProcessId = 0,
    ulong Bytes = 0,
    double Seconds = 0,
    AddressSpaceStatistics? Statistics = null);
