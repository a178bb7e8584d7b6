
namespace Uffd.Daemon.Tests.Values;

/// <summary>Sizes, latencies, and what smaps says.</summary>
public sealed class ValueTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("4096", 4096)]
    [InlineData(" 512MiB ", 512UL << 20)]
    [InlineData("512M", 512UL << 20)]
    [InlineData("512 mib", 512UL << 20)]
    [InlineData("1.5 GiB", 3UL << 29)]
    [InlineData("1.5g", 3UL << 29)]
    [InlineData("7B", 7)]
    [InlineData("0.5KiB", 512)]
    [InlineData("16383P", 16383UL << 50)]
    [InlineData("18446744073709551615", ulong.MaxValue)]
    public void Size_is_read(string text, ulong bytes)
    {
        Assert.True(Sizes.TryParse(text, out ulong read));
        Assert.Equal(bytes, read);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("MiB")]
    [InlineData("-1")]
    [InlineData("1e9")]
    [InlineData("1.2.3")]
    [InlineData(".")]
    [InlineData("12 XiB")]
    [InlineData("12MB")] // 10 to the 6th or 2 to the 20th: nobody knows
    [InlineData("12MiBs")]
    [InlineData("16384P")]
    [InlineData("18446744073709551616")]
    [InlineData("99999999999999999999999999999999999999999P")]
    [InlineData("79228162514264337593543950335P")] // the largest decimal
    public void What_is_no_size_is_refused(string? text) => Assert.False(Sizes.TryParse(text, out _));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(512UL << 20, "512 MiB")]
    [InlineData(ulong.MaxValue, "16384 PiB")]
    public void Size_is_written(ulong bytes, string text) => Assert.Equal(text, Sizes.Format(bytes));

    [Fact]
    public void Registered_mappings_are_found_with_their_page_size()
    {
        string[] lines =
        [
            "7f0000000000-7f0000200000 rw-p 00000000 00:00 0 ",
            "Size:               2048 kB",
            "KernelPageSize:        4 kB",
            "VmFlags: rd wr mr mw me ac um sd ",
            "7f0000200000-7f0000600000 rw-p 00000000 00:10 77                         /anon_hugepage (deleted)",
            "KernelPageSize:     2048 kB",
            "VmFlags: rd wr mr mw me de ht um sd",
            "7f0000600000-7f0000601000 rw-p 00000000 00:00 0 [a-b um]",
            "VmFlags: rd wr mr mw me ac sd",
            "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
            "VmFlags: ex um",
        ];
        Assert.Equal(
            [
                new RegisteredRange(new AddressRange(0x7f0000000000, 0x200000), 4096),
                new RegisteredRange(new AddressRange(0x7f0000200000, 0x400000), 2 << 20),
                new RegisteredRange(new AddressRange(0xffffffffff600000, 0x1000), (ulong)Environment.SystemPageSize),
            ],
            RegisteredRanges.Parse(lines));
    }

    [Theory]
    [InlineData("")]
    [InlineData("VmFlags: um")] // of nothing
    [InlineData("7f0000200000-7f0000000000 rw-p\nVmFlags: um")] // backwards
    [InlineData("7f00-7f00 rw-p\nVmFlags: um")] // empty
    [InlineData("-7f00 rw-p\nVmFlags: um")]
    [InlineData("7f00- rw-p\nVmFlags: um")]
    [InlineData("7f00-zz rw-p\nVmFlags: um")]
    [InlineData("10000000000000000-20000000000000000 rw-p\nVmFlags: um")]
    [InlineData("1000-2000\nVmFlags: um")] // no permissions
    [InlineData("1000-2000 rw-p\nVmFlags: rd wr umm")]
    public void What_is_no_registered_mapping_is_passed_over(string text) => Assert.Empty(RegisteredRanges.Parse(text.Split('\n')));

    [Theory]
    [InlineData("", "1000-9000")]
    [InlineData("1000-9000", "")]
    [InlineData("0-a000", "")]
    [InlineData("3000-4000", "1000-3000 4000-9000")]
    [InlineData("0-2000 3000-4000 4000-5000 8000-b000", "2000-3000 5000-8000")]
    [InlineData("0-1000 9000-a000", "1000-9000")]
    public void Range_without_others_is_what_is_left(string others, string left)
    {
        IEnumerable<AddressRange> Parse(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(word => word.Split('-').Select(number => Convert.ToUInt64(number, 16)).ToArray())
            .Select(bounds => AddressRange.FromBounds(bounds[0], bounds[1]));
        var range = new RegisteredRange(AddressRange.FromBounds(0x1000, 0x9000), 4096);
        Assert.Equal(Parse(left), range.Without(Parse(others)).Select(one => one.Range));
    }

    [Theory]
    [InlineData("KernelPageSize: x kB")]
    [InlineData("KernelPageSize: 0 kB")]
    [InlineData("KernelPageSize:")]
    [InlineData("KernelPageSize: 18446744073709551615 kB")]
    public void Odd_page_size_is_the_systems(string line)
        => Assert.Equal((ulong)Environment.SystemPageSize, Assert.Single(RegisteredRanges.Parse(["1000-2000 rw-p", line, "VmFlags: um"])).PageSize);

    [Fact]
    public void Own_process_can_be_read_and_another_that_is_gone_cannot()
    {
        Assert.True(RegisteredRanges.TryRead(Environment.ProcessId, out IReadOnlyList<RegisteredRange> own));
        Assert.Empty(own);
        Assert.False(RegisteredRanges.TryRead(int.MaxValue, out _));
    }
}
