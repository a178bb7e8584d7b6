using static Uffd.Snapshots.Tests.Images.ImageStates;

namespace Uffd.Snapshots.Tests.Images;

/// <summary>What is cut, altered or made up is found, and nothing else than what was written is ever read.</summary>
public sealed class DamagedImageTests
{
    private static readonly SnapshotImageOptions Quick = new() { Durable = false, Threads = 1 };

    private const int Mapped = 40;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_byte_that_is_altered_is_found_or_means_nothing(bool raw)
    {
        using var folder = new TemporaryFolder();
        byte[] whole = File.ReadAllBytes(WriteSmall(folder.File("image"), raw));
        byte[] expected = Everything(folder.File("image"))!;
        string damaged = folder.File("damaged");
        File.WriteAllBytes(damaged, whole);
        using FileStream file = File.OpenWrite(damaged);
        int found = 0;
        byte[] masks = [0x01, 0x80, 0xff];
        for (int at = 0; at < whole.Length; at++)
        {
            Put(file, at, (byte)(whole[at] ^ masks[at % masks.Length]));
            byte[]? read = Everything(damaged);
            found += read is null ? 1 : 0;
            Assert.True(read is null || read.AsSpan().SequenceEqual(expected), $"byte {at}");
            Put(file, at, whole[at]);
        }

        Assert.InRange(found, whole.Length * 99 / 100, whole.Length); // the control: nearly every byte means something
        Assert.Equal(expected, Everything(damaged));
    }

    [Fact]
    public void Every_cut_is_found_and_so_is_what_is_added()
    {
        using var folder = new TemporaryFolder();
        byte[] whole = File.ReadAllBytes(WriteSmall(folder.File("image"), raw: false));
        string damaged = folder.File("damaged");
        File.WriteAllBytes(damaged, [.. whole, 0]);
        Assert.Null(Everything(damaged));
        using FileStream file = File.OpenWrite(damaged);
        for (int length = whole.Length - 1; length >= 0; length--)
        {
            file.SetLength(length);
            Assert.Throws<InvalidDataException>(() => SnapshotImage.Open(damaged));
        }
    }

    [Fact]
    public void File_that_is_cut_while_it_is_open_is_found_at_the_page()
    {
        using var folder = new TemporaryFolder();
        WriteSmall(folder.File("image"), raw: true);
        using var image = SnapshotImage.Open(folder.File("image"));
        using (FileStream file = File.OpenWrite(folder.File("image")))
        {
            file.SetLength(200);
        }

        Assert.Throws<InvalidDataException>(() => Read(image, 0));
    }

    [Fact]
    public void Only_the_damaged_page_is_lost()
    {
        using var folder = new TemporaryFolder();
        string path = WriteSmall(folder.File("image"), raw: true);
        using (FileStream file = File.OpenWrite(path))
        {
            Put(file, ImageHeader.Length + (3 * Page) + 100, 0xA5);
        }

        using var image = SnapshotImage.Open(path);
        Assert.Equal(Content(8, seed: 1)[..(3 * Page)], Read(image, 0, 3));
        Assert.Contains($"0x{At(3):x}", Assert.Throws<InvalidDataException>(() => Read(image, 3)).Message, StringComparison.Ordinal);
        Assert.Equal(Content(8, seed: 1)[(4 * Page)..], Read(image, 4, 4));
    }

    [Fact]
    public void Pages_that_changed_places_are_found()
    {
        using var folder = new TemporaryFolder();
        string path = WriteSmall(folder.File("image"), raw: true);
        byte[] bytes = File.ReadAllBytes(path);
        Span<byte> first = bytes.AsSpan(ImageHeader.Length, Page);
        Span<byte> second = bytes.AsSpan(ImageHeader.Length + Page, Page);
        byte[] kept = first.ToArray();
        second.CopyTo(first);
        kept.CopyTo(second);
        File.WriteAllBytes(path, bytes);
        using var image = SnapshotImage.Open(path);
        Assert.Throws<InvalidDataException>(() => Read(image, 0));
        Assert.Throws<InvalidDataException>(() => Read(image, 1));
    }

    [Fact]
    public void Whatever_has_right_checksums_is_an_image_or_refused()
    {
        using var folder = new TemporaryFolder();
        string path = WriteSmall(folder.File("image"), raw: false);
        byte[] whole = File.ReadAllBytes(path);
        ImageHeader header = ImageHeader.Decode(whole, (ulong)whole.Length);
        var random = new Random(1);
        int refused = 0;
        for (int round = 0; round < 3000; round++)
        {
            byte[] forged = [.. whole];
            Forge(forged, header, random);
            File.WriteAllBytes(path, forged);
            long before = GC.GetAllocatedBytesForCurrentThread();
            refused += Everything(path) is null ? 1 : 0;
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
        }

        Assert.InRange(refused, 500, 3000);
    }

    [Fact]
    public void What_is_no_image_is_refused_in_a_line_and_a_pipe_does_not_block()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("text"), "no image at all, but long enough to have a header, if anybody looked for one: " + new string('x', 500));
        File.WriteAllText(folder.File("empty"), "");
        Assert.Contains("no snapshot image", Assert.Throws<InvalidDataException>(() => SnapshotImage.Open(folder.File("text"))).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => SnapshotImage.Open(folder.File("empty")));
        Assert.Throws<FileNotFoundException>(() => SnapshotImage.Open(folder.File("missing")));
        Assert.Throws<IOException>(() => SnapshotImage.Open(folder.Path));
        Assert.Throws<IOException>(() => SnapshotImage.Open("/dev/zero"));
        using var pipe = System.Diagnostics.Process.Start("mkfifo", folder.File("pipe"));
        pipe.WaitForExit();
        Assert.Throws<IOException>(() => SnapshotImage.Open(folder.File("pipe")));
    }

    [Fact]
    public void Later_version_is_told()
    {
        using var folder = new TemporaryFolder();
        string path = WriteSmall(folder.File("image"), raw: true);
        byte[] bytes = File.ReadAllBytes(path);
        bytes[8] = 2;
        Seal(bytes);
        File.WriteAllBytes(path, bytes);
        Assert.Contains("version 2", Assert.Throws<InvalidDataException>(() => SnapshotImage.Open(path)).Message, StringComparison.Ordinal);
    }

    /// <summary>All that can be read of an image, or null where something of it is refused.</summary>
    private static byte[]? Everything(string path)
    {
        try
        {
            using var image = SnapshotImage.Open(path);
            using var all = new MemoryStream();
            byte[] page = new byte[Page];
            foreach (SnapshotRun run in image.GetRuns(Pages(0, Mapped + 2)))
            {
                all.WriteByte((byte)run.Kind);
                for (ulong address = run.Range.Start; run.Kind is SnapshotPageKind.Zero or SnapshotPageKind.Stored && address < run.Range.End; address += Page)
                {
                    image.Read(address, page);
                    all.Write(page);
                }
            }

            all.Write(System.Text.Encoding.UTF8.GetBytes(image.State.ToString() + string.Join(' ', image.State.Regions) + image.State.Threads[0]));
            return all.ToArray();
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    private static string WriteSmall(string path, bool raw)
    {
        using var writer = SnapshotImageWriter.Create(path, Quick with { Raw = raw });
        writer.Write(At(0), Content(8, seed: 1));
        writer.Write(At(20), raw ? Bytes(Page, seed: 2) : new byte[Page]);
        writer.Complete(State(Region(0, Mapped)));
        return path;
    }

    private static void Put(FileStream file, long at, byte value)
    {
        file.Position = at;
        file.WriteByte(value);
        file.Flush();
    }

    private static void Seal(byte[] bytes)
        => BitConverter.TryWriteBytes(bytes.AsSpan(ImageHeader.Length - sizeof(uint)), Uffd.Paging.Crc32C.Of(bytes.AsSpan(0, ImageHeader.Length - sizeof(uint))));

    /// <summary>Changes a few bytes of the header, of the root or of a piece of the state, and makes the checksum right.</summary>
    private static void Forge(byte[] bytes, in ImageHeader header, Random random)
    {
        (int start, int length) = random.Next(3) switch
        {
            0 => (8, ImageHeader.Length - 12),
            1 => ((int)header.RootOffset + 4, (int)header.RootLength - 4),
            _ => ((int)header.StateOffset + 4, (int)header.StateLength - 4),
        };
        for (int change = random.Next(1, 4); change > 0; change--)
        {
            int at = start + random.Next(Math.Min(length, random.Next(2) == 0 ? 32 : length));
            bytes[at] = random.Next(3) switch { 0 => 0, 1 => 0xff, _ => (byte)random.Next(256) };
        }

        Reseal(bytes, (int)header.RootOffset, (int)header.RootLength);
        Reseal(bytes, (int)header.StateOffset, (int)header.StateLength);
        Seal(bytes);
    }

    private static void Reseal(byte[] bytes, int offset, int length)
        => BitConverter.TryWriteBytes(bytes.AsSpan(offset), IndexNode.Checksum((ulong)offset, bytes.AsSpan(offset, length)));
}
