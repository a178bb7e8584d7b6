using System.Text;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;

namespace Uffd.Paging.Tests.WorkingSets;

public partial class WorkingSetFileTests
{
    [Theory]
    [InlineData(WorkingSetFormat.Uffd)]
    [InlineData(WorkingSetFormat.VHive)]
    public void What_was_written_is_read(WorkingSetFormat format)
    {
        using var folder = new TemporaryFolder();
        Prop.ForAll(format == WorkingSetFormat.VHive ? Sets.Traceable : Sets.Any, set =>
        {
            WorkingSetFile.Write(folder.File("set"), set, format);
            WorkingSet read = WorkingSetFile.Read(folder.File("set"), out WorkingSetFormat found);
            Assert.Equal(format, found);
            Assert.Equal(format == WorkingSetFormat.Uffd ? set.Runs : [.. Merged(set)], read.Runs);
            Assert.Equal(format == WorkingSetFormat.Uffd ? set.ImageLength : 0, read.ImageLength);
            Assert.Equal(set.TotalBytes, read.TotalBytes);
        }).QuickCheckThrowOnFailure();
        Assert.Single(Directory.GetFiles(folder.Path)); // nothing temporary is left
    }

    [Fact]
    public void Example_of_the_documentation_is_what_is_written()
    {
        string page = File.ReadAllText(Path.Combine(Root(), "docs", "working-sets.md"));
        string[] blocks = [.. page.Split("```").Where((_, index) => index % 2 == 1)];
        string hex = string.Concat(Line().Matches(blocks[0]).Select(line => line.Groups["hex"].Value.Replace(" ", "", StringComparison.Ordinal)));
        byte[] bytes = Convert.FromHexString(hex);
        Assert.Equal(bytes, Sets.Encode(Sets.Example));
        Assert.Equal(Sets.Example.Runs, WorkingSetFile.Parse(bytes, out _).Runs);
        Assert.Equal(Sets.Example.Runs, WorkingSetFile.Parse(Encoding.ASCII.GetBytes(blocks[1].TrimStart('\n')), out WorkingSetFormat format).Runs);
        Assert.Equal(WorkingSetFormat.VHive, format);
    }

    [Fact]
    public void Checksum_is_the_known_one()
        => Assert.Equal(0xe3069283, Crc32C.Of("123456789"u8));

    [Fact]
    public void Every_flipped_bit_and_every_cut_is_found()
    {
        byte[] bytes = Sets.Encode(Sets.Example);
        for (int bit = 0; bit < 8 * bytes.Length; bit++)
        {
            byte[] damaged = [.. bytes];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            AssertRefused(damaged);
        }

        for (int length = 0; length < bytes.Length; length++)
        {
            AssertRefused(bytes[..length]);
        }

        AssertRefused([.. bytes, 0]);
    }

    [Fact]
    public void Whatever_has_a_right_checksum_is_a_set_or_refused_in_one_line()
        => Prop.ForAll(Sets.Any, Arb.From(Gen.Choose(0, int.MaxValue)), (set, seed) =>
        {
            var random = new Random(seed);
            byte[] bytes = Sets.Encode(set);
            for (int change = random.Next(1, 6); change > 0; change--)
            {
                bytes[random.Next(8, bytes.Length - 4)] = (byte)(random.Next(3) == 0 ? 0xff : random.Next(256));
            }

            BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 4), Crc32C.Of(bytes.AsSpan(0, bytes.Length - 4)));
            AssertSetOrRefused(bytes);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Fact]
    public void Any_bytes_are_a_set_or_refused_in_one_line()
        => Prop.ForAll(Arb.From(Gen.ArrayOf(Gen.Frequency((3, Gen.Elements("0123456789abcdefABCDEF,\r\n "u8.ToArray())), (1, Gen.Choose(0, 255).Select(value => (byte)value))))), AssertSetOrRefused)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Theory]
    [InlineData(new byte[] { 0x00, 0x80 }, "does not end")]
    [InlineData(new byte[] { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x00 }, "does not end")] // 70 bits
    [InlineData(new byte[] { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x00 }, "no image")] // page 2^63 - 1
    [InlineData(new byte[] { 0x01, 0x00 }, "no image")] // page -1
    [InlineData(new byte[] { 0x02, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 }, "no image")] // 2^64 pages
    [InlineData(new byte[] { 0x00, 0x00, 0x00 }, "more behind")]
    public void Hostile_numbers_are_refused(byte[] runs, string because)
    {
        byte[] bytes = [.. Sets.Encode(new WorkingSet([Sets.Run(0)]))[..40], .. runs, 0, 0, 0, 0];
        BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 4), Crc32C.Of(bytes.AsSpan(0, bytes.Length - 4)));
        Assert.Contains(because, AssertRefused(bytes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1000\n2000\n0\n1000\n", 2)] // the first touch of a page counts
    [InlineData("1000\r\n3000", 2)]
    [InlineData("1000,1700000000,3\n3000,1700000001,4\n", 2)] // of an older vHive
    [InlineData("FFFF000\n", 1)]
    public void Traces_of_vHive_are_read(string text, int runs)
        => Assert.Equal(runs, WorkingSetFile.Parse(Encoding.ASCII.GetBytes(text), out _).Runs.Count);

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("0x1000\n")]
    [InlineData("1001\n")]
    [InlineData("1000\n\n2000\n")]
    [InlineData("-1000\n")]
    [InlineData("11111111111111000\n")]
    [InlineData("ffffffffffffe000\n")]
    [InlineData("{\"pages\":[1]}")]
    public void What_is_no_trace_is_refused(string text) => AssertRefused(Encoding.ASCII.GetBytes(text));

    [Fact]
    public void Pages_are_written_one_behind_the_other_in_order_of_offset()
    {
        using var folder = new TemporaryFolder();
        byte[] content = Pattern.Bytes(5 * Sets.Page);
        using MemoryPageSource image = MemoryPageSource.FromBytes(content);
        WorkingSetFile.WritePages(folder.File("pages"), new WorkingSet([Sets.Run(4), Sets.Run(1), Sets.Run(2)]), image);
        Assert.Equal([.. content[4096..12288], .. content[16384..]], File.ReadAllBytes(folder.File("pages")));
    }

    [Fact]
    public void Failed_write_leaves_the_old_file_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("set");
        WorkingSetFile.Write(path, Sets.Example);
        using var broken = new HostileSource(new byte[8192], read: _ => throw new IOException("not now"));
        Assert.Throws<IOException>(() => WorkingSetFile.WritePages(path, new WorkingSet([Sets.Run(0)]), broken));
        Assert.Equal(Sets.Example.Runs, WorkingSetFile.Read(path).Runs);
        Assert.Single(Directory.GetFiles(folder.Path));
        Assert.Contains("no regular file", Assert.Throws<IOException>(() => WorkingSetFile.Write(folder.Path, Sets.Example)).Message, StringComparison.Ordinal);
        Assert.Contains("no regular file", Assert.Throws<IOException>(() => WorkingSetFile.Write("/dev/null", Sets.Example)).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be written", Assert.Throws<IOException>(() => WorkingSetFile.RequireWritable(folder.File("none/set"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Link_is_followed()
    {
        using var folder = new TemporaryFolder();
        WorkingSetFile.Write(folder.File("set"), new WorkingSet([]));
        File.CreateSymbolicLink(folder.File("link"), folder.File("set"));
        WorkingSetFile.Write(folder.File("link"), Sets.Example);
        Assert.Equal(Sets.Example.Runs, WorkingSetFile.Read(folder.File("set")).Runs);
        Assert.NotNull(new FileInfo(folder.File("link")).LinkTarget);
    }

    private static IEnumerable<SourceRange> Merged(WorkingSet set)
    {
        SourceRange last = default;
        foreach (SourceRange run in set.Runs)
        {
            if (last.Length > 0 && last.End != run.Offset)
            {
                yield return last;
                last = run;
            }
            else
            {
                last = last.Length == 0 ? run : last with { Length = last.Length + run.Length };
            }
        }

        yield return last;
    }

    private static void AssertSetOrRefused(byte[] bytes)
    {
        try
        {
            WorkingSet set = WorkingSetFile.Parse(bytes, out WorkingSetFormat format);
            _ = new WorkingSet(set.Runs, set.PageSize, set.ImageLength); // what is read passes what is checked
            Assert.Equal(set.Runs, WorkingSetFile.Parse(Sets.Encode(set), out _).Runs);
            Assert.True(format == WorkingSetFormat.VHive || set.Runs.Count <= bytes.Length / 2);
        }
        catch (InvalidDataException exception)
        {
            Assert.DoesNotContain('\n', exception.Message);
        }
    }

    private static string AssertRefused(byte[] bytes)
    {
        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => WorkingSetFile.Parse(bytes, out _));
        Assert.DoesNotContain('\n', exception.Message);
        return exception.Message;
    }

    private static string Root()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Uffd.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("the tests do not run inside the project's folder");
    }

    [GeneratedRegex("^(?<hex>([0-9a-f]{2} )*[0-9a-f]{2})   ", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Line();
}
