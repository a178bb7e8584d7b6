namespace Uffd.Migration;

/// <summary>What a frame is (docs/migration-protocol.md). "Source" and "destination" say who sends it.</summary>
internal enum FrameType : byte
{
    /// <summary>Source, first on the control stream of every link: what moves.</summary>
    Hello = 1,

    /// <summary>Destination, the answer to it.</summary>
    Welcome = 2,

    /// <summary>Both, on every stream: I am here.</summary>
    Ping = 3,

    /// <summary>Both: why I end this.</summary>
    Error = 4,

    /// <summary>Source: content of pages, sent unasked before the switch and asked for after it.</summary>
    Pages = 5,

    /// <summary>Source, on a stream with pages: tell me when you have taken in all before this.</summary>
    Flush = 6,

    /// <summary>Destination: I have.</summary>
    Flushed = 7,

    /// <summary>Source: pages that are still missing, or lost.</summary>
    Map = 8,

    /// <summary>Source: a piece of what the workload needs besides its memory.</summary>
    State = 9,

    /// <summary>Source: all is said; the workload runs at the destination from here on.</summary>
    Switch = 10,

    /// <summary>Destination: it does.</summary>
    Started = 11,

    /// <summary>Destination: send me these pages.</summary>
    Want = 12,

    /// <summary>Destination: I have everything.</summary>
    Done = 13,

    /// <summary>Source: so I let it go.</summary>
    Bye = 14,
}
