namespace Uffd.Migration;

/// <summary>How a <see cref="StoreLanding"/> works.</summary>
public sealed record StoreLandingOptions
{
    /// <summary>
    /// How many bytes are asked for in one read when nobody waits for them: whole pages of 4096, up to 16 MiB. Larger ones cost less each, and are kept a moment later. Default: 128 KiB.
    /// </summary>
    public int ReadBytes { get; init; } = 128 << 10;

    /// <summary>
    /// How many bytes are asked for before they have come, when nobody waits for them; as much memory is taken by them. A connection of much delay wants its rate times its
    /// round trip. Default: 32 MiB.
    /// </summary>
    public int WindowBytes { get; init; } = 32 << 20;

    /// <summary>Whether the store is disposed: with the landing when it has not switched, else with <see cref="StoreLanding.Store"/>. Default: true.</summary>
    public bool OwnsStore { get; init; } = true;

    /// <exception cref="ArgumentException">A value is out of bounds.</exception>
    internal static void Validate(StoreLandingOptions options)
    {
        if (options.ReadBytes < WirePage.Bytes || options.ReadBytes % WirePage.Bytes != 0 || options.ReadBytes > 16 << 20)
        {
            throw new ArgumentException($"a read must be whole pages of {WirePage.Bytes} bytes, at most 16 MiB, and is {options.ReadBytes} bytes", nameof(options));
        }

        if (options.WindowBytes < options.ReadBytes)
        {
            throw new ArgumentException($"the window must have room for a read of {options.ReadBytes} bytes, and is {options.WindowBytes} bytes", nameof(options));
        }
    }
}

/// <summary>What a <see cref="StoreLanding"/> has done since the switch.</summary>
public sealed record StoreLandingStatistics
{
    /// <summary>Reads of the store that had to wait until pages came over the connection.</summary>
    public required long Faults { get; init; }

    /// <summary>Bytes of pages that are not here yet, those that are lost left out.</summary>
    public required ulong MissingBytes { get; init; }

    /// <summary>Bytes of pages that are lost: the source could not read them. Those that were written whole since then are not.</summary>
    public required ulong LostBytes { get; init; }

    /// <summary>Bytes of pages that came after the switch.</summary>
    public required ulong FetchedBytes { get; init; }

    /// <summary>
    /// How often pages that had come could not be kept, because the store failed. They are fetched again, with pauses of up to a second: as long as the store fails the
    /// migration does not end, and nothing is lost.
    /// </summary>
    public required long KeepFailures { get; init; }
}
