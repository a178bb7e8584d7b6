using System.Buffers.Binary;
using Uffd.Migration.Tests.Support;
using Uffd.Paging;

namespace Uffd.Migration.Tests.Hostile;

/// <summary>A destination ends with a clear error whatever a source says, takes no more memory for it, and writes nowhere else.</summary>
[Collection(nameof(AloneCollection))]
public sealed class HostileSourceTests
{
    private const int Pages = 64;
    private static readonly byte[] Page = [.. Enumerable.Repeat((byte)0x5a, WirePage.Bytes)];

    /// <summary>What it says, by name, and a word of what the error must say.</summary>
    private static readonly Dictionary<string, (Action<WirePeer> Attack, string Told)> Attacks = new(StringComparer.Ordinal)
    {
        ["says nothing"] = (static _ => { }, "nothing went over"),
        ["closes at once"] = (static peer => peer.Dispose(), "closed"),
        ["speaks HTTP"] = (static peer => peer.SendRaw("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"u8), "source of Uffd"),
        ["random bytes"] = (static peer =>
        {
            byte[] bytes = new byte[100_000];
            new Random(1).NextBytes(bytes);
            peer.SendRaw(bytes);
        }, "source of Uffd"),
        ["a head longer than any"] = (static peer => peer.SendRaw(Header(FrameType.Hello, uint.MaxValue, 0)), "may have"),
        ["data longer than any"] = (static peer => peer.SendRaw(Header(FrameType.Pages, 32, uint.MaxValue)), "may have"),
        ["data where there is none"] = (static peer => peer.SendRaw(Header(FrameType.Hello, 10, 10)), "bytes of pages"),
        ["pages before it has said what moves"] = (static peer => peer.Send(Frame(0, 1)), "begin"),
        ["the wrong magic"] = (static peer => peer.Send(FrameType.Hello, static writer => writer.Raw("UffdMigX"u8).UInt32(1)), "no source"),
        ["another version"] = (static peer => Hello(peer, version: 2), "version"),
        ["another session"] = (static peer => Hello(peer, session: Guid.NewGuid()), "another migration"),
        ["no regions"] = (static peer => Hello(peer, []), "regions"),
        ["too many regions"] = (static peer => Hello(peer, [.. Enumerable.Repeat(4096UL, 5)]), "regions"),
        ["more regions than there are"] = (static peer => peer.Send(FrameType.Hello, writer => writer.Raw("UffdMigr"u8).UInt32(1).UInt32(0).Raw(peer.Session.ToByteArray()).UInt32(200)), "shorter"),
        ["billions of regions"] = (static peer => peer.Send(FrameType.Hello, writer => writer.Raw("UffdMigr"u8).UInt32(1).UInt32(0).Raw(peer.Session.ToByteArray()).UInt32(uint.MaxValue)), "regions"),
        ["half a page"] = (static peer => Hello(peer, [100]), "whole pages"),
        ["an empty region"] = (static peer => Hello(peer, [0]), "whole pages"),
        ["an endless region"] = (static peer => Hello(peer, [ulong.MaxValue & ~4095UL]), "whole pages"),
        ["a region too long"] = (static peer => Hello(peer, [1UL << 56]), "more than"),
        ["regions too long together"] = (static peer => Hello(peer, [1 << 19, 1 << 19, 4096]), "more than"),
        ["a hello with more behind it"] = (static peer => peer.Send(FrameType.Hello, writer => { HelloOf(peer, [Pages * 4096UL]).Write(writer); writer.Byte(1); }), "longer"),
        ["something else the second time"] = (static peer => { Greet(peer); Hello(peer, [4096]); }, "does not send"),
        ["an unknown type"] = (static peer => { Greet(peer); peer.Send(new WireFrame(200, [], [])); }, "type 200"),
        ["a destination's message"] = (static peer => { Greet(peer); peer.Send(new WireFrame(FrameType.Started)); }, "does not send"),
        ["a bye too early"] = (static peer => { Greet(peer); peer.Send(new WireFrame(FrameType.Bye)); }, "does not send"),
        ["pages of no region"] = (static peer => { Greet(peer); peer.Send(Frame(1, 0)); }, "does not have"),
        ["pages behind the end"] = (static peer => { Greet(peer); peer.Send(Frame(0, Pages)); }, "does not have"),
        ["pages far behind the end"] = (static peer => { Greet(peer); peer.Send(Frame(0, ulong.MaxValue)); }, "does not have"),
        ["more pages than may be"] = (static peer => { Greet(peer); peer.Send(Head(0, 0, 257, 1, 0, (257, 1))); }, "does not have"),
        ["no pages"] = (static peer => { Greet(peer); peer.Send(Head(0, 0, 0, 1, 0, (0, 0))); }, "does not have"),
        ["segments longer than the frame"] = (static peer => { Greet(peer); peer.Send(Head(0, 0, 2, 2, 0, (1, 1), (2, 1))); }, "not as long"),
        ["segments shorter than the frame"] = (static peer => { Greet(peer); peer.Send(Head(0, 0, 4, 1, 0, (1, 1))); }, "not as long"),
        ["an empty segment"] = (static peer => { Greet(peer); peer.Send(Head(0, 0, 1, 2, 0, (0, 1), (1, 1))); }, "not as long"),
        ["an unknown kind"] = (static peer => { Greet(peer); peer.Send(Head(0, 0, 1, 1, 0, (1, 9))); }, "not as long"),
        ["an unknown encoding"] = (static peer => { Greet(peer); peer.Send(Head(0, 0, 1, 1, 7, (1, 1))); }, "are none"),
        ["billions of segments"] = (static peer => { Greet(peer); peer.Send(Head(0, 0, 1, uint.MaxValue, 0, (1, 1))); }, "are none"),
        ["a page without content"] = (static peer => { Greet(peer); peer.Send(Frame(0, 0) with { Data = [] }); }, "bytes for 1 pages"),
        ["half a page of content"] = (static peer => { Greet(peer); peer.Send(Frame(0, 0) with { Data = Page[..2048] }); }, "bytes for 1 pages"),
        ["another content than its checksum"] = (static peer => { Greet(peer); peer.Send(Frame(0, 0) with { Data = new byte[4096] }); }, "not what was sent"),
        ["compressed rubbish"] = (static peer => { Greet(peer); peer.Send(Frame(0, 0, encoding: 1) with { Data = Page[..100] }); }, "damaged"),
        ["a base that is not here"] = (static peer => { Greet(peer); WireFrame frame = Head(0, 0, 1, 1, 0, (1, 3)); peer.Send(frame with { Head = [.. frame.Head, 1, 2, 3, 4] }); }, "not here"),
        ["an answer to nothing"] = (static peer => { Greet(peer); peer.Send(Frame(0, 0, request: 7)); }, "nobody asked"),
        ["a map of no region"] = (static peer => { Greet(peer); Map(peer, 9, 0, 0, 0, 1); }, "which there is not"),
        ["a map of no kind"] = (static peer => { Greet(peer); Map(peer, 0, 9, 0, 0, 1); }, "which there is not"),
        ["a map that begins behind the end"] = (static peer => { Greet(peer); Map(peer, 0, 0, Pages + 1, 0, 1); }, "which there is not"),
        ["a map that goes beyond the end"] = (static peer => { Greet(peer); Map(peer, 0, 0, 0, 1, Pages); }, "beyond the end"),
        ["a map that wraps around"] = (static peer => { Greet(peer); Map(peer, 0, 0, 1, ulong.MaxValue, 1); }, "beyond the end"),
        ["a map of endless length"] = (static peer => { Greet(peer); Map(peer, 0, 0, 1, 0, ulong.MaxValue); }, "beyond the end"),
        ["a map with an empty run"] = (static peer => { Greet(peer); Map(peer, 0, 0, 0, 1, 0); }, "beyond the end"),
        ["a number that does not end"] = (static peer => { Greet(peer); peer.Send(FrameType.Map, static writer => writer.UInt32(0).Byte(0).UInt64(0).Raw([.. Enumerable.Repeat((byte)0xff, 20)])); }, "64 bits"),
        ["maps without end"] = (static peer => { Greet(peer); Flood(peer, WireFrame.Of(FrameType.Map, static writer => writer.UInt32(0).Byte(0).UInt64(0).VarInt(0).VarInt(Pages)), 20_000); Switch(peer, 1, 0, 0); }, "does not fit"),
        ["a state without end"] = (static peer => { Greet(peer); Flood(peer, new WireFrame(FrameType.State, new byte[60_000]), 300); }, "longer than"),
        ["a switch that does not fit"] = (static peer => { Greet(peer); Switch(peer, 5, 0, 0); }, "does not fit"),
        ["a flush of nothing"] = (static peer => { Greet(peer); peer.Send(new WireFrame(FrameType.Flush)); }, "shorter"),
        ["its own end"] = (static peer => { Greet(peer); peer.Send(FrameType.Error, static writer => writer.Byte(0).Text("line one\nline two\u2028three", 250)); }, "line one"),
        ["an end of rubbish"] = (static peer => { Greet(peer); peer.Send(FrameType.Error, static writer => writer.Byte(0).Byte(251)); }, "251"),
        ["a frame that was doubled"] = (static peer => { Greet(peer); byte[] frame = Frame(0, 0).ToBytes(1); peer.SendRaw([.. frame, .. frame]); }, "was expected"),
    };

    public static TheoryData<string> Names => [.. Attacks.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Destination_ends_with_a_clear_error(string name)
    {
        (Action<WirePeer> attack, string told) = Attacks[name];
        var violations = new Violations();
        using var peer = new WirePeer();
        long before = GC.GetTotalAllocatedBytes();
        Exception? failure = await HostileSide.DestinationAsync(peer, attack, violations);
        HostileSide.AssertOneLine(failure);
        Assert.Contains(told, failure!.Message, StringComparison.Ordinal);
        Assert.Empty(violations.All);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, name is "a state without end" ? 5 * HostileSide.MostBytes : HostileSide.MostBytes);
    }

    private static HelloMessage HelloOf(WirePeer peer, ulong[] lengths, uint version = 1, Guid? session = null)
        => new(version, WireCapabilities.Zstd | WireCapabilities.Bases, session ?? peer.Session, [.. lengths.Select(static length => new HelloRegion("r", length, ""))]);

    private static void Hello(WirePeer peer, ulong[]? lengths = null, uint version = 1, Guid? session = null)
        => peer.Send(FrameType.Hello, HelloOf(peer, lengths ?? [Pages * 4096UL], version, session).Write);

    private static void Greet(WirePeer peer)
    {
        Hello(peer);
        Assert.NotNull(peer.ReceiveUntil(FrameType.Welcome));
    }

    private static WireFrame Frame(uint region, ulong first, ulong request = 0, uint encoding = 0)
    {
        uint[] checksum = new uint[1];
        PageChecksums.Compute(Page, checksum);
        return WireFrame.Of(FrameType.Pages, writer => writer.UInt64(request).UInt64(first).UInt32(region).UInt32(1).UInt32(1).UInt32(encoding).UInt32(1).UInt32(checksum[0])) with { Data = Page };
    }

    private static WireFrame Head(uint region, ulong first, uint pages, uint segments, uint encoding, params (uint Count, uint Kind)[] parts)
        => WireFrame.Of(FrameType.Pages, writer =>
        {
            writer.UInt64(0).UInt64(first).UInt32(region).UInt32(pages).UInt32(segments).UInt32(encoding);
            Array.ForEach(parts, part => writer.UInt32((part.Kind << 24) | part.Count));
        });

    private static void Map(WirePeer peer, uint region, byte kind, ulong page, ulong gap, ulong count)
        => peer.Send(FrameType.Map, writer => writer.UInt32(region).Byte(kind).UInt64(page).VarInt(gap).VarInt(count));

    private static void Switch(WirePeer peer, ulong missing, ulong lost, ulong state) => peer.Send(FrameType.Switch, writer => writer.UInt64(missing).UInt64(lost).UInt64(state));

    private static void Flood(WirePeer peer, WireFrame frame, int times)
    {
        for (int count = 0; count < times && !peer.Closed.IsCompleted; count++)
        {
            peer.Send(frame);
        }
    }

    /// <summary>A header with a good checksum that says what it is told to.</summary>
    private static byte[] Header(FrameType type, uint headBytes, uint dataBytes)
    {
        byte[] bytes = new byte[FrameHeader.Bytes];
        bytes[0] = (byte)type;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), headBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), dataBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(20), Crc32C.Of(bytes.AsSpan(0, 20)));
        return bytes;
    }
}
