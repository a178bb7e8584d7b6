using System.Globalization;
using static Uffd.Snapshots.Tests.Images.ImageStates;

namespace Uffd.Snapshots.Tests.Images;

/// <summary>Images that stand on others.</summary>
public sealed class ParentTests
{
    private static readonly SnapshotImageOptions Quick = new() { Durable = false, Threads = 2 };

    [Fact]
    public void Pages_of_the_parent_are_not_stored_again()
    {
        using var folder = new TemporaryFolder();
        byte[] content = Content(600, seed: 1);
        string parent = Write(folder.File("parent"), 600, Quick, (0, content));
        content[(5 * Page) + 9] ^= 1;
        content.AsSpan(7 * Page, Page).Clear();
        string child = Write(folder.File("child"), 600, Quick with { Parent = parent }, (0, content));

        using var image = SnapshotImage.Open(child);
        Assert.Equal(content, Read(image, 0, 600));
        Assert.Equal([parent], image.Parents);
        Assert.Equal((1UL, 598UL), (image.StoredPages, image.ParentPages));
        Assert.InRange(new FileInfo(child).Length, 0, new FileInfo(parent).Length / 50);
        Assert.Equal(
            [
                new SnapshotRun(Pages(0, 5), SnapshotPageKind.Parent), new SnapshotRun(Pages(5, 1), SnapshotPageKind.Stored), new SnapshotRun(Pages(6, 1), SnapshotPageKind.Parent),
                new SnapshotRun(Pages(7, 1), SnapshotPageKind.Zero), new SnapshotRun(Pages(8, 592), SnapshotPageKind.Parent),
            ],
            image.GetRuns(Pages(0, 600)));
    }

    [Fact]
    public void Page_with_the_parents_checksum_and_another_content_is_stored()
    {
        using var folder = new TemporaryFolder();
        byte[] first = Content(1, seed: 1);
        byte[] second = Collide(At(0), first);
        Assert.Equal(PageChecksum.Of(At(0), first), PageChecksum.Of(At(0), second));
        Assert.NotEqual(first, second);
        string parent = Write(folder.File("parent"), 1, Quick, (0, first));
        string child = Write(folder.File("child"), 1, Quick with { Parent = parent }, (0, second));
        using var image = SnapshotImage.Open(child);
        Assert.Equal(second, Read(image, 0));
        Assert.Equal(1UL, image.StoredPages);
    }

    [Fact]
    public void Page_that_is_damaged_in_the_parent_is_stored_again()
    {
        using var folder = new TemporaryFolder();
        byte[] content = Content(4, seed: 1);
        string parent = Write(folder.File("parent"), 4, Quick with { Raw = true }, (0, content));
        using (FileStream file = File.OpenWrite(parent))
        {
            file.Position = ImageHeader.Length + (2 * Page) + 50;
            file.WriteByte(0xA5);
        }

        string child = Write(folder.File("child"), 4, Quick with { Parent = parent }, (0, content));
        using var image = SnapshotImage.Open(child);
        Assert.Equal(content, Read(image, 0, 4));
        Assert.Equal((1UL, 3UL), (image.StoredPages, image.ParentPages));
    }

    [Fact]
    public void Images_are_found_after_both_have_moved_together()
    {
        using var folder = new TemporaryFolder();
        string first = Directory.CreateDirectory(folder.File("first")).FullName;
        string below = Directory.CreateDirectory(Path.Combine(first, "base")).FullName;
        string parent = Write(Path.Combine(below, "parent"), 4, Quick, (0, Content(4, seed: 1)));
        Write(Path.Combine(first, "child"), 4, Quick with { Parent = parent }, (0, Content(4, seed: 1)));
        Directory.Move(first, folder.File("second"));
        File.CreateSymbolicLink(folder.File("link"), Path.Combine("second", "child"));
        foreach (string path in (string[])[Path.Combine("second", "child"), "link"])
        {
            using var image = SnapshotImage.Open(folder.File(path));
            Assert.Equal(Content(4, seed: 1), Read(image, 0, 4));
            Assert.Equal([folder.File("second/base/parent")], image.Parents);
        }
    }

    [Fact]
    public void Parent_elsewhere_is_kept_by_its_whole_path()
    {
        using var folder = new TemporaryFolder();
        string first = Directory.CreateDirectory(folder.File("first")).FullName;
        string parent = Write(folder.File("parent"), 4, Quick, (0, Content(4, seed: 1)));
        Write(Path.Combine(first, "child"), 4, Quick with { Parent = parent }, (0, Content(4, seed: 1)));
        Directory.Move(first, folder.File("second"));
        using var image = SnapshotImage.Open(folder.File("second/child"));
        Assert.Equal(Content(4, seed: 1), Read(image, 0, 4));
    }

    [Fact]
    public void Another_image_in_the_parents_place_and_a_missing_one_are_told()
    {
        using var folder = new TemporaryFolder();
        string parent = Write(folder.File("parent"), 4, Quick, (0, Content(4, seed: 1)));
        string child = Write(folder.File("child"), 4, Quick with { Parent = parent }, (0, Content(4, seed: 1)));
        Write(parent, 4, Quick, (0, Content(4, seed: 1))); // the same content, and still another image
        Assert.Contains("another image", Assert.Throws<InvalidDataException>(() => SnapshotImage.Open(child)).Message, StringComparison.Ordinal);
        File.Delete(parent);
        Assert.Contains("the parent", Assert.Throws<FileNotFoundException>(() => SnapshotImage.Open(child)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Image_never_replaces_its_ancestors()
    {
        using var folder = new TemporaryFolder();
        string first = Write(folder.File("first"), 4, Quick, (0, Content(4, seed: 1)));
        string second = Write(folder.File("second"), 4, Quick with { Parent = first }, (0, Content(4, seed: 1)));
        File.CreateSymbolicLink(folder.File("link"), first);
        Assert.Throws<IOException>(() => SnapshotImageWriter.Create(first, Quick with { Parent = second }));
        Assert.Throws<IOException>(() => SnapshotImageWriter.Create(folder.File("link"), Quick with { Parent = second }));
        Assert.Throws<IOException>(() => SnapshotImageWriter.Create(second, Quick with { Parent = second }));
    }

    [Fact]
    public void Image_that_is_its_own_ancestor_is_refused()
    {
        using var folder = new TemporaryFolder();
        string first = Write(folder.File("first"), 4, Quick, (0, Content(4, seed: 1)));
        string second = Write(folder.File("second"), 4, Quick with { Parent = first }, (0, Content(4, seed: 1)));
        byte[] bytes = File.ReadAllBytes(second);
        bytes.AsSpan(16, 16).CopyTo(bytes.AsSpan(32)); // its parent is what it is itself
        BitConverter.TryWriteBytes(bytes.AsSpan(ImageHeader.Length - 4), Uffd.Paging.Crc32C.Of(bytes.AsSpan(0, ImageHeader.Length - 4)));
        File.WriteAllBytes(second, bytes);
        File.Copy(second, first, overwrite: true);
        Assert.Contains("its own ancestor", Assert.Throws<InvalidDataException>(() => SnapshotImage.Open(second)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Chains_have_an_end()
    {
        using var folder = new TemporaryFolder();
        string? parent = null;
        for (int depth = 0; depth < ImageFormat.MaxChain; depth++)
        {
            parent = Write(folder.File(Name(depth)), 70, Quick with { Parent = parent, Threads = 1 }, (0, Content(1, seed: 1)), (depth + 1, Content(1, seed: depth)));
        }

        using (var image = SnapshotImage.Open(parent!))
        {
            Assert.Equal(ImageFormat.MaxChain - 1, image.Parents.Count);
            Assert.Equal(Content(1, seed: 1), Read(image, 0)); // which only the first has
        }

        Assert.Contains("64 images", Assert.Throws<IOException>(() => SnapshotImageWriter.Create(folder.File("last"), Quick with { Parent = parent })).Message, StringComparison.Ordinal);
    }

    private static string Name(int depth) => string.Create(CultureInfo.InvariantCulture, $"image{depth}");

    /// <summary>Another page of the same checksum: CRCs are linear, so that four bytes are found by solving 32 equations.</summary>
    private static byte[] Collide(ulong address, byte[] content)
    {
        byte[] other = [.. content];
        other[100] ^= 0x55;
        uint wanted = PageChecksum.Of(address, content) ^ PageChecksum.Of(address, other);
        var rows = new List<(uint Effect, uint Bits)>();
        for (int bit = 0; bit < 32; bit++)
        {
            byte[] changed = [.. other];
            changed[200 + (bit / 8)] ^= (byte)(1 << (bit % 8));
            (uint effect, uint bits) = (PageChecksum.Of(address, changed) ^ PageChecksum.Of(address, other), 1u << bit);
            foreach ((uint known, uint knownBits) in rows)
            {
                if ((effect ^ known) < effect)
                {
                    (effect, bits) = (effect ^ known, bits ^ knownBits);
                }
            }

            if (effect != 0)
            {
                rows.Add((effect, bits));
                rows.Sort((left, right) => right.Effect.CompareTo(left.Effect));
            }
        }

        uint solution = 0;
        foreach ((uint effect, uint bits) in rows)
        {
            if ((wanted ^ effect) < wanted)
            {
                (wanted, solution) = (wanted ^ effect, solution ^ bits);
            }
        }

        Assert.Equal(0u, wanted);
        for (int index = 0; index < 4; index++)
        {
            other[200 + index] ^= unchecked((byte)(solution >> (8 * index)));
        }

        return other;
    }
}
