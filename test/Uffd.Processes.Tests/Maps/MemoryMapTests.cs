using System.Diagnostics;
using System.Text;

namespace Uffd.Processes.Tests;

/// <summary>The text of /proc/PID/maps and smaps, and the mappings of processes that run.</summary>
public sealed class MemoryMapTests
{
    private const string Text = """
        55d0c0a00000-55d0c0a02000 r--p 00000000 fe:01 1234                       /usr/bin/my program
        55d0c0b00000-55d0c0b21000 rw-p 00000000 00:00 0                          [heap]
        7f0000000000-7f0000001000 ---p 00000000 00:00 0 
        7f0000002000-7f0000004000 rw-s 00001000 103:1234567 99                   /memfd:x\012y (deleted)
        ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]

        """;

    [Fact]
    public void Lines_are_read()
    {
        MemoryMap map = Parse(Text);
        Assert.Equal(5, map.Regions.Count);
        Assert.Equal(
            new MappedRegion(AddressRange.FromBounds(0x55d0c0a00000, 0x55d0c0a02000), RegionPermissions.Read, 0, 0xfe01, 1234, "/usr/bin/my program"), map.Regions[0]);
        Assert.Equal("[heap]", map.Regions[1].Name);
        Assert.False(map.Regions[1].IsFile);
        Assert.Equal((RegionPermissions.None, ""), (map.Regions[2].Permissions, map.Regions[2].Name));
        MappedRegion memfd = map.Regions[3];
        Assert.Equal("/memfd:x\ny (deleted)", memfd.Name);
        Assert.True(memfd.IsFile && memfd.IsShared);
        Assert.Equal(0x1000UL, memfd.Offset);
        Assert.Equal((0x103UL << 8) | (0x1234500UL << 12) | 0x67, memfd.Device); // makedev(3)
        Assert.Equal(0xffffffffff601000, map.Regions[4].Range.End);
    }

    [Fact]
    public void Address_is_found_in_its_mapping()
    {
        MemoryMap map = Parse(Text);
        Assert.Null(map.Find(0));
        Assert.Equal("[heap]", map.Find(0x55d0c0b00000)?.Name);
        Assert.Equal("[heap]", map.Find(0x55d0c0b20fff)?.Name);
        Assert.Null(map.Find(0x55d0c0b21000));
        Assert.Null(map.Find(0x7f0000001000));
        Assert.Equal("[vsyscall]", map.Find(0xffffffffff600fff)?.Name);
        Assert.Null(map.Find(ulong.MaxValue));
        Assert.Null(Parse("").Find(0));
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("\n")]
    [InlineData("1000-2000")]
    [InlineData("2000-1000 rw-p 00000000 00:00 0")]
    [InlineData("1000-1000 rw-p 00000000 00:00 0")]
    [InlineData("1000-2000 rwzp 00000000 00:00 0")]
    [InlineData("1000-2000 rw-p 00000000 00:00 ")]
    [InlineData("1000-2000 rw-p 00000000 00:00 1x")]
    [InlineData("1000-2000 rw-p 00000000 100000000:00 1")]
    [InlineData("1000-20000000000000000 rw-p 00000000 00:00 0")]
    [InlineData("00000000000001000-2000 rw-p 00000000 00:00 0")]
    [InlineData("1000-3000 rw-p 00000000 00:00 0\n2000-4000 rw-p 00000000 00:00 0")]
    public void What_is_no_such_text_is_told_with_its_line(string text)
    {
        InvalidDataException thrown = Assert.Throws<InvalidDataException>(() => Parse(text));
        Assert.StartsWith(text.Contains("4000", StringComparison.Ordinal) ? "line 2 " : "line 1 ", thrown.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', thrown.Message);
    }

    [Fact]
    public void Very_long_name_is_kept()
    {
        string name = "/" + string.Concat(Enumerable.Repeat("long name/", 10_000));
        Assert.Equal(name, Parse($"1000-2000 r--p 00000000 00:01 5 {name}\n").Regions[0].Name);
    }

    [Fact]
    public void Own_mappings_hold_what_is_known_to_be_mapped()
    {
        MemoryMap map = MemoryMap.Read(Environment.ProcessId);
        Assert.Contains(map.Regions, region => region.Name is "[stack]");
        using MemoryMapping mapping = MemoryMapping.CreateMemfd("told by its name", 1 << 20);
        MappedRegion? found = MemoryMap.Read(Environment.ProcessId).Find(mapping.Range.Start);
        Assert.Equal("/memfd:told by its name (deleted)", found?.Name);
        Assert.Equal(mapping.Range, found?.Range);
    }

    [Fact]
    public void Files_with_hostile_names_are_found()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a b\n (deleted) 00:00 \u001b[31m");
        File.WriteAllBytes(path, new byte[8192]);
        using (System.IO.MemoryMappedFiles.MemoryMappedFile file = System.IO.MemoryMappedFiles.MemoryMappedFile.CreateFromFile(path, FileMode.Open))
        using (System.IO.MemoryMappedFiles.MemoryMappedViewAccessor view = file.CreateViewAccessor())
        {
            MappedRegion region = Assert.Single(MemoryMap.Read(Environment.ProcessId).Regions, region => string.Equals(region.Name, path, StringComparison.Ordinal));
            Assert.True(region.IsShared && region.IsFile);
            RegionDetails details = Assert.Single(RegionDetails.Read(Environment.ProcessId), details => string.Equals(details.Region.Name, path, StringComparison.Ordinal));
            Assert.Equal(region, details.Region);
            Assert.True(details.Has("sh"));
            GC.KeepAlive(view);
        }
    }

    [Fact]
    public void Process_with_sixty_thousand_mappings_is_quick()
    {
        using Subject subject = Subject.Start("mappings", userId: null, "60000");
        var watch = Stopwatch.StartNew();
        MemoryMap map = MemoryMap.Read(subject.ProcessId);
        Assert.InRange(map.Regions.Count, 60_000, 60_200);
        Assert.True(watch.Elapsed < TestTime.Scaled(TimeSpan.FromSeconds(5)), $"{watch.Elapsed}");
        Assert.True(map.Regions.Zip(map.Regions.Skip(1)).All(pair => pair.First.Range.End <= pair.Second.Range.Start));
        Assert.Equal(subject.Numbers[1] + 4096, map.Find(subject.Numbers[1] + 4097)?.Range.Start);
    }

    [Fact]
    public void Details_are_those_of_the_kernel()
    {
        using Subject subject = Subject.Start("pages");
        IReadOnlyList<RegionDetails> all = RegionDetails.Read(subject.ProcessId);
        Assert.Equal(MemoryMap.Read(subject.ProcessId).Regions, all.Select(details => details.Region));
        RegionDetails first = Assert.Single(all, details => details.Region.Range.Start == subject.Numbers[1]);
        Assert.Equal((8192UL, 8192UL, 0UL, 0UL, 4096UL), (first.Resident, first.Anonymous, first.Swapped, first.SharedWithOthers, first.KernelPageSize));
        Assert.True(first.Has("rd") && first.Has("wr") && !first.Has("sh"));
    }

    [Fact]
    public void Details_that_are_none_are_refused()
    {
        Assert.Throws<InvalidDataException>(() => RegionDetails.Parse("Rss: 4 kB\n"u8));
        Assert.Throws<InvalidDataException>(() => RegionDetails.Parse("1000-2000 rw-p 00000000 00:00 0 \nRss: many kB\n"u8));
        Assert.Throws<InvalidDataException>(() => RegionDetails.Parse("1000-2000 rw-p 00000000 00:00 0 \nRss: 99999999999999999 kB\n"u8));
        RegionDetails details = Assert.Single(RegionDetails.Parse("1000-2000 rw-p 00000000 00:00 0 \nNewThing: 7\nShared_Clean: 4 kB\nShared_Dirty: 8 kB\nVmFlags: rd wr uw \n"u8));
        Assert.Equal(12288UL, details.SharedWithOthers);
        Assert.Equal(["rd", "wr", "uw"], details.Flags);
    }

    [Fact]
    public void Process_that_is_not_there_is_told_so()
    {
        Assert.Equal(Errno.ESRCH, Assert.Throws<UffdException>(() => MemoryMap.Read(int.MaxValue)).Errno);
        Assert.Equal(Errno.ESRCH, Assert.Throws<UffdException>(() => RegionDetails.Read(int.MaxValue)).Errno);
    }

    private static MemoryMap Parse(string text) => MemoryMap.Parse(Encoding.UTF8.GetBytes(text));
}
