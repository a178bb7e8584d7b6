namespace Uffd.Migration;

/// <summary>What both sides of a migration can do; agreed at the start of each link.</summary>
[Flags]
internal enum WireCapabilities : uint
{
    None = 0,

    /// <summary>Frames of pages may be compressed with zstd.</summary>
    Zstd = 1,

    /// <summary>Pages may be told as equal to a base's.</summary>
    Bases = 2,
}

/// <summary>How far the destination is, as it tells the source on each link.</summary>
internal enum DestinationState : byte
{
    /// <summary>It takes in pages before the switch.</summary>
    Taking = 0,

    /// <summary>The switch has come; the workload is being started.</summary>
    Switched = 1,

    /// <summary>The workload runs.</summary>
    Started = 2,

    /// <summary>And it has everything.</summary>
    Complete = 3,
}

/// <summary>A region in a <see cref="HelloMessage"/>.</summary>
internal sealed record HelloRegion(string Name, ulong Length, string BaseName);

/// <summary>What moves. The same in every link of a session.</summary>
internal sealed record HelloMessage(uint Version, WireCapabilities Capabilities, Guid Session, IReadOnlyList<HelloRegion> Regions)
{
    /// <summary>The version that is spoken here.</summary>
    public const uint CurrentVersion = 1;

    public const int MaxNameBytes = 128;

    /// <summary>As many as one message holds for sure.</summary>
    public const int MaxRegions = 200;

    private static ReadOnlySpan<byte> Magic => "UffdMigr"u8;

    public void Write(HeadWriter writer)
    {
        writer.Clear();
        writer.Raw(Magic).UInt32(Version).UInt32((uint)Capabilities).Raw(Session.ToByteArray()).UInt32((uint)Regions.Count);
        foreach (HelloRegion region in Regions)
        {
            writer.UInt64(region.Length).Text(region.Name, MaxNameBytes).Text(region.BaseName, MaxNameBytes);
        }
    }

    public static HelloMessage Read(ReadOnlySpan<byte> head)
    {
        var reader = new HeadReader(head);
        if (!reader.Take(Magic.Length).SequenceEqual(Magic))
        {
            throw WireException.Violation("the other side is no source of a migration");
        }

        uint version = reader.UInt32();
        if (version != CurrentVersion)
        {
            throw WireException.Violation($"the source speaks version {version} of the protocol, and this is {CurrentVersion}: use the same release of Uffd on both sides");
        }

        var capabilities = (WireCapabilities)reader.UInt32();
        var session = new Guid(reader.Take(16));
        uint count = reader.UInt32();
        if (count is 0 or > MaxRegions)
        {
            throw WireException.Violation($"{count} regions are to be moved; there may be 1 to {MaxRegions}");
        }

        var regions = new HelloRegion[count];
        for (int index = 0; index < regions.Length; index++)
        {
            ulong length = reader.UInt64();
            if (length == 0 || length % WirePage.Bytes != 0 || length > 1UL << 56)
            {
                throw WireException.Violation($"region {index} has {length} bytes: they must be whole pages of {WirePage.Bytes}");
            }

            string name = reader.Text(MaxNameBytes);
            regions[index] = new HelloRegion(name, length, reader.Text(MaxNameBytes));
        }

        reader.End();
        return new HelloMessage(version, capabilities, session, regions);
    }

    /// <summary>Whether both say the same of what moves.</summary>
    public bool IsSameAs(HelloMessage other) => Session == other.Session && Regions.SequenceEqual(other.Regions);
}

/// <summary>The destination's answer to a <see cref="HelloMessage"/>.</summary>
internal sealed record WelcomeMessage(WireCapabilities Capabilities, DestinationState State, IReadOnlyList<bool> HasBase)
{
    public void Write(HeadWriter writer)
    {
        writer.Clear();
        writer.UInt32(HelloMessage.CurrentVersion).UInt32((uint)Capabilities).Byte((byte)State).UInt32((uint)HasBase.Count);
        foreach (bool has in HasBase)
        {
            writer.Byte(has ? (byte)1 : (byte)0);
        }
    }

    public static WelcomeMessage Read(ReadOnlySpan<byte> head, int regions)
    {
        var reader = new HeadReader(head);
        uint version = reader.UInt32();
        if (version != HelloMessage.CurrentVersion)
        {
            throw WireException.Violation($"the destination speaks version {version} of the protocol, and this is {HelloMessage.CurrentVersion}: use the same release of Uffd on both sides");
        }

        var capabilities = (WireCapabilities)reader.UInt32();
        byte state = reader.Byte();
        uint count = reader.UInt32();
        if (state > (byte)DestinationState.Complete || count != regions)
        {
            throw WireException.Violation("the destination's answer is none");
        }

        bool[] has = new bool[regions];
        for (int index = 0; index < regions; index++)
        {
            has[index] = reader.Byte() == 1;
        }

        reader.End();
        return new WelcomeMessage(capabilities, (DestinationState)state, has);
    }
}

/// <summary>Pages that the destination asks for.</summary>
internal readonly record struct WantMessage(ulong Request, int Region, ulong FirstPage, int Pages, bool IsAwaited)
{
    public void Write(HeadWriter writer)
    {
        writer.Clear();
        writer.UInt64(Request).UInt64(FirstPage).UInt32((uint)Region).UInt32((uint)Pages).Byte(IsAwaited ? (byte)1 : (byte)0);
    }

    public static WantMessage Read(ReadOnlySpan<byte> head, ReadOnlySpan<ulong> regionPages)
    {
        var reader = new HeadReader(head);
        ulong request = reader.UInt64();
        ulong first = reader.UInt64();
        uint region = reader.UInt32();
        uint pages = reader.UInt32();
        byte awaited = reader.Byte();
        reader.End();
        return request != 0 && region < regionPages.Length && pages is > 0 and <= PagesHead.MaxPages && first <= regionPages[(int)region] && pages <= regionPages[(int)region] - first
            ? new WantMessage(request, (int)region, first, (int)pages, awaited != 0)
            : throw WireException.Violation($"{pages} pages from {first} on were asked for of region {region}, which does not have them");
    }
}
