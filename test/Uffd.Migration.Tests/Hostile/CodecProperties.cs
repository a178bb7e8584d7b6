using FsCheck;
using FsCheck.Fluent;
using Uffd.Migration.Tests.Support;

namespace Uffd.Migration.Tests.Hostile;

/// <summary>Messages are read as what was written, and anything else is either a message or refused: no other exception, no other end.</summary>
public sealed class CodecProperties
{
    private static readonly ulong[] RegionPages = [1, 300, 1UL << 32];

    private static readonly Gen<ulong> AnyNumber = Gen.OneOf(
        Gen.Choose(0, 300).Select(static number => (ulong)number),
        Gen.Choose(0, 63).Select(static bit => 1UL << bit),
        Gen.Choose(0, 63).Select(static bit => (1UL << bit) - 1),
        Gen.Constant(ulong.MaxValue));

    private static readonly Gen<string> AnyText = Gen.OneOf(
        Gen.Elements("", "heap", "région", "\U0001F4BE disk", new string('x', 200), new string('ß', 100), "line\nline", "\ud800"),
        Gen.Choose(0, 0x7f).Select(static letter => ((char)letter).ToString()).ArrayOf(20).Select(string.Concat));

    [Fact]
    public void Numbers_are_read_as_they_were_written()
        => Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.ForAll(AnyNumber.ToArbitrary(), static number =>
        {
            var reader = new HeadReader(new HeadWriter().VarInt(number).Written);
            ulong read = reader.VarInt();
            reader.End();
            return read == number;
        }));

    [Fact]
    public void Texts_are_at_most_as_long_as_they_may_be_and_printable()
        => Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.ForAll(AnyText.ToArbitrary(), static text =>
        {
            ReadOnlySpan<byte> written = new HeadWriter().Text(text, 128).Written;
            var reader = new HeadReader(written);
            string read = reader.Text(128);
            reader.End();
            return written.Length <= 129 && !read.Any(char.IsControl);
        }));

    [Fact]
    public void Sets_of_pages_are_read_as_they_were_written()
        => Check.One(Config.QuickThrowOnFailure.WithMaxTest(100), Prop.ForAll(Gen.Choose(0, 299).ArrayOf(40).ToArbitrary(), static pages =>
        {
            var set = new PageSet(300);
            Array.ForEach(pages, page => set.Add((ulong)page, 1));
            using var stream = new MemoryStream();
            MapMessage.Send(new FrameWriter(stream), new HeadWriter(), 1, MapKind.Missing, set);
            var read = new PageSet(300);
            foreach (WireFrame frame in WireFrame.Parse(stream.ToArray()))
            {
                MapMessage.Read(frame.Head, (region, kind) => region == 1 && kind == MapKind.Missing ? read : null);
            }

            return read.Count == set.Count && Enumerable.Range(0, 300).All(page => read.Contains((ulong)page) == set.Contains((ulong)page));
        }));

    [Fact]
    public void Heads_of_pages_are_read_as_they_were_written()
        => Check.One(Config.QuickThrowOnFailure.WithMaxTest(200), Prop.ForAll(Gen.Choose(0, 3).ArrayOf(256).Zip(Gen.Choose(1, 256)).ToArbitrary(), static drawn =>
        {
            PageKind[] kinds = [.. drawn.Item1.Take(drawn.Item2).Select(static kind => (PageKind)kind)];
            uint[] checksums = [.. Enumerable.Range(1, kinds.Length).Select(static page => unchecked((uint)page * 2_654_435_761))];
            byte[] room = new byte[PagesHead.MaxBytes];
            int length = PagesHead.WriteBefore(room, 7, 1, 3, kinds, checksums, isCompressed: false);
            var head = new PagesHead();
            head.Parse(room.AsSpan(^length..), kinds.Count(static kind => kind == PageKind.Data) * WirePage.Bytes, [1, 1000]);
            return head.Request == 7 && head.Region == 1 && head.FirstPage == 3 && head.Kinds.SequenceEqual(kinds)
                && Enumerable.Range(0, kinds.Length).All(page => kinds[page] is PageKind.Zero or PageKind.Poisoned || head.Checksums[page] == checksums[page]);
        }));

    [Fact]
    public void Hello_welcome_and_want_are_read_as_they_were_written()
        => Check.One(Config.QuickThrowOnFailure.WithMaxTest(100), Prop.ForAll(Gen.Choose(1, 200).Zip(Gen.Choose(0, int.MaxValue)).ToArbitrary(), static drawn =>
        {
            var random = new Random(drawn.Item2);
            HelloRegion[] regions = [.. Enumerable.Range(0, drawn.Item1).Select(index => new HelloRegion($"r{index}", (ulong)random.Next(1, 1 << 20) * 4096, random.Next(2) == 0 ? "" : new string('b', random.Next(128))))];
            var hello = new HelloMessage(1, (WireCapabilities)random.Next(4), Guid.NewGuid(), regions);
            var welcome = new WelcomeMessage((WireCapabilities)random.Next(4), (DestinationState)random.Next(4), [.. regions.Select(_ => random.Next(2) == 0)]);
            var want = new WantMessage((ulong)random.Next(1, int.MaxValue), 1, (ulong)random.Next(100), random.Next(1, 200), random.Next(2) == 0);
            var writer = new HeadWriter();
            hello.Write(writer);
            HelloMessage hello2 = HelloMessage.Read(writer.Written);
            welcome.Write(writer);
            WelcomeMessage welcome2 = WelcomeMessage.Read(writer.Written, regions.Length);
            want.Write(writer);
            return hello2.IsSameAs(hello) && hello2.Capabilities == hello.Capabilities && welcome2.State == welcome.State && welcome2.HasBase.SequenceEqual(welcome.HasBase)
                && WantMessage.Read(writer.Written, RegionPages) == want;
        }));

    [Fact]
    public void Anything_else_is_a_message_or_refused()
        => Check.One(Config.QuickThrowOnFailure.WithMaxTest(2000), Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), static seed =>
        {
            var random = new Random(seed);
            byte[] bytes = new byte[random.Next(80)];
            random.NextBytes(bytes);
            for (int at = 0; at < bytes.Length; at++)
            {
                bytes[at] = random.Next(3) > 0 ? (byte)random.Next(3) : bytes[at]; // small numbers get further
            }

            return Refuses(() => HelloMessage.Read([.. "UffdMigr"u8, 1, 0, 0, 0, .. bytes]))
                && Refuses(() => WelcomeMessage.Read([1, 0, 0, 0, .. bytes], 3))
                && Refuses(() => WantMessage.Read(bytes, RegionPages))
                && Refuses(() => PeerException.Read(bytes))
                && Refuses(() => new PagesHead().Parse(bytes, random.Next(3) * WirePage.Bytes, RegionPages))
                && Refuses(() => MapMessage.Read(bytes, static (_, _) => new PageSet(300)))
                && Refuses(() => FrameHeader.Read([.. bytes, .. new byte[FrameHeader.Bytes]], 0));
        }));

    private static bool Refuses(Action read)
    {
        try
        {
            read();
        }
        catch (WireException)
        {
            // as it should
        }

        return true;
    }
}
