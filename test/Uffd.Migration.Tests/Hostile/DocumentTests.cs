using System.Text;
using Uffd.Migration.Tests.Support;

namespace Uffd.Migration.Tests.Hostile;

/// <summary>The example of docs/migration-protocol.md is what the code says.</summary>
public sealed class DocumentTests
{
    private const int BytesOfLine = 24;

    [Fact]
    public void Example_is_what_goes_over_the_wire()
    {
        string expected = Example();
        string document = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "migration-protocol.md"));
        Assert.True(document.Contains(expected, StringComparison.Ordinal), $"docs/migration-protocol.md should have:\n{expected}");
    }

    [Fact]
    public void Example_is_understood()
    {
        List<WireFrame> source = [.. Frames().Where(static frame => frame.FromSource).Select(static frame => frame.Frame)];
        HelloMessage hello = HelloMessage.Read(source[0].Head);
        Assert.Equal("heap", Assert.Single(hello.Regions).Name);
        var head = new PagesHead();
        head.Parse(source[^2].Head, source[^2].Data.Length, [3]);
        Assert.Equal([PageKind.Zero, PageKind.Data], head.Kinds.ToArray());
        Assert.Equal(-1, PageChecksums.FindWrong(source[^2].Data, head.Checksums[1..2]));
    }

    private static List<(string Name, bool FromSource, WireFrame Frame)> Frames()
    {
        var session = new Guid("00112233-4455-6677-8899-aabbccddeeff");
        byte[] page = new byte[WirePage.Bytes];
        page[0] = 0x2a;
        uint[] checksums = [0, 0];
        PageChecksums.Compute(page, checksums.AsSpan(1));
        byte[] room = new byte[PagesHead.MaxBytes];
        int length = PagesHead.WriteBefore(room, request: 1, region: 0, firstPage: 0, [PageKind.Zero, PageKind.Data], checksums, isCompressed: false);
        var missing = new PageSet(3);
        missing.Add(0, 2);
        var lost = new PageSet(3);
        lost.Add(2, 1);
        using var maps = new MemoryStream();
        var writer = new FrameWriter(maps);
        MapMessage.Send(writer, new HeadWriter(), 0, MapKind.Missing, missing);
        MapMessage.Send(writer, new HeadWriter(), 0, MapKind.Poisoned, lost);
        List<WireFrame> map = WireFrame.Parse(maps.ToArray());
        return
        [
            ("Hello", true, WireFrame.Of(FrameType.Hello, new HelloMessage(1, WireCapabilities.Zstd | WireCapabilities.Bases, session, [new HelloRegion("heap", 3 * WirePage.Bytes, "")]).Write)),
            ("Welcome", false, WireFrame.Of(FrameType.Welcome, new WelcomeMessage(WireCapabilities.Zstd | WireCapabilities.Bases, DestinationState.Taking, [false]).Write)),
            ("Map: pages 0 and 1 are missing", true, map[0]),
            ("Map: page 2 is lost", true, map[1]),
            ("Switch", true, WireFrame.Of(FrameType.Switch, static head => head.UInt64(2).UInt64(1).UInt64(0))),
            ("Started", false, new WireFrame(FrameType.Started)),
            ("Want: pages 0 and 1, a thread waits", false, WireFrame.Of(FrameType.Want, new WantMessage(1, 0, 0, 2, IsAwaited: true).Write)),
            ("Pages: page 0 is zeros, page 1 follows", true, new WireFrame((byte)FrameType.Pages, room[^length..], page)),
            ("Done", false, new WireFrame(FrameType.Done)),
            ("Bye", true, new WireFrame(FrameType.Bye)),
        ];
    }

    private static string Example()
    {
        var text = new StringBuilder();
        uint source = 0, destination = 0;
        foreach ((string name, bool fromSource, WireFrame frame) in Frames())
        {
            text.Append($"    {(fromSource ? "source" : "destination")}: {name}\n");
            byte[] bytes = frame.ToBytes(fromSource ? source++ : destination++);
            int shown = frame.Data.Length == 0 ? bytes.Length : bytes.Length - frame.Data.Length + 1; // zeros behind it
            for (int at = 0; at < shown; at += BytesOfLine)
            {
                text.Append($"        {string.Join(' ', bytes[at..Math.Min(shown, at + BytesOfLine)].Select(static value => $"{value:x2}"))}{(shown < bytes.Length && at + BytesOfLine >= shown ? " *" : "")}\n");
            }
        }

        return text.ToString();
    }
}
