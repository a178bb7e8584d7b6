namespace Uffd.Daemon.Tests.Handshake;

/// <summary>The fields that each version of Firecracker sends.</summary>
public sealed class VersionTests
{
    private const string Base = "140245116256256";

    [Theory]
    [InlineData($$"""[{"base_host_virt_addr":{{Base}},"size":268435456,"offset":4096}]""", 0)] // 1.1 to 1.6
    [InlineData($$"""[{"base_host_virt_addr":{{Base}},"size":268435456,"offset":4096,"page_size_kib":4096}]""", 4096)] // 1.7 to 1.11: bytes, despite its name
    [InlineData($$"""[{"base_host_virt_addr":{{Base}},"size":268435456,"offset":4096,"page_size_kib":2097152}]""", 2097152)]
    [InlineData($$"""[{"base_host_virt_addr":{{Base}},"size":268435456,"offset":4096,"page_size":4096,"page_size_kib":4096}]""", 4096)] // 1.12 and later
    [InlineData($$"""[{"base_host_virt_addr":{{Base}},"size":268435456,"offset":4096,"page_size":2097152}]""", 2097152)] // once the old field is dropped
    [InlineData($$"""[{"page_size_kib":4096,"offset":4096,"page_size":4096,"size":268435456,"base_host_virt_addr":{{Base}}}]""", 4096)] // any order
    [InlineData($$"""[{"base_host_virt_addr":{{Base}},"size":268435456,"offset":4096,"gpa_start":0,"page_size":4096,"is_guest_memfd":false,"page_size_kib":4096}]""", 4096)]
    [InlineData($$"""[{"x":{"size":1,"y":[{"offset":2},[]]},"base_host_virt_addr":{{Base}},"z":"]}\"[","size":268435456,"n":null,"offset":4096,"f":-1.5e3}]""", 0)]
    [InlineData($$"""[{"base_host_virt\u005faddr":{{Base}},"size":268435456,"offset":4096}]""", 0)] // the same name, escaped
    [InlineData($$"""[{"base_host_virt_addr":{{Base}},"size":268435456,"offset":4096,"page_size":null}]""", 0)]
    public void Region_of_any_version_is_read(string text, ulong pageSize)
    {
        IReadOnlyList<RegionDescription> regions = RegionDescription.Parse(System.Text.Encoding.UTF8.GetBytes(text), out string? fault);
        Assert.Null(fault);
        Assert.Equal(new RegionDescription(140245116256256, 268435456, 4096, pageSize), Assert.Single(regions));
    }

    [Fact]
    public void What_is_written_is_what_Firecracker_writes_and_is_read_back()
    {
        RegionDescription[] regions = [new(140245116256256, 268435456, 0, 4096), new(140245384691712, 4096, 268435456, 2097152)];
        byte[] text = RegionDescription.Write(regions);
        Assert.Equal(
            """[{"base_host_virt_addr":140245116256256,"size":268435456,"offset":0,"page_size":4096,"page_size_kib":4096},"""
            + """{"base_host_virt_addr":140245384691712,"size":4096,"offset":268435456,"page_size":2097152,"page_size_kib":2097152}]""",
            System.Text.Encoding.UTF8.GetString(text));
        Assert.Equal(regions, RegionDescription.Parse(text, out string? fault));
        Assert.Null(fault);
    }

    [Theory]
    [InlineData("[]", "there are no regions")]
    [InlineData("[1]", "region 0 is not an object")]
    [InlineData("[[]]", "region 0 is not an object")]
    [InlineData("[{}]", "region 0 has no valid base_host_virt_addr")]
    [InlineData("""[{"base_host_virt_addr":1,"offset":2}]""", "region 0 has no valid size")]
    [InlineData("""[{"base_host_virt_addr":1,"size":-2,"offset":0}]""", "region 0 has no valid size")]
    [InlineData("""[{"base_host_virt_addr":1,"size":2}]""", "region 0 has no valid offset")]
    [InlineData("""[{"base_host_virt_addr":"1","size":2,"offset":0}]""", "region 0 has no valid base_host_virt_addr")]
    [InlineData("""[{"base_host_virt_addr":18446744073709551616,"size":2,"offset":0}]""", "region 0 has no valid base_host_virt_addr")]
    [InlineData("""[{"base_host_virt_addr":1.5,"size":2,"offset":0}]""", "region 0 has no valid base_host_virt_addr")]
    [InlineData("""[{"base_host_virt_addr":1,"size":2,"offset":0,"page_size":"4096"}]""", "region 0 has no valid page_size")]
    [InlineData("""[{"base_host_virt_addr":1,"size":2,"offset":0,"page_size":-4096}]""", "region 0 has no valid page_size")]
    [InlineData("""[{"base_host_virt_addr":1,"size":2,"offset":0}}""", "no valid JSON")]
    [InlineData("""[{"base_host_virt_addr":1,"size":2,"offset":0},]""", "no valid JSON")]
    [InlineData("""[{"base_host_virt_addr":1 "size":2,"offset":0}]""", "no valid JSON")]
    [InlineData("[\0]", "no valid JSON")]
    [InlineData("""[{"base_host_virt_addr":1,"size":2,"offset":0,"\ud800":1}]""", "no valid JSON")]
    [InlineData("""[{"\udc00\ud800":1}]""", "no valid JSON")]
    public void Text_that_says_no_regions_is_refused_in_one_line(string text, string because)
    {
        Assert.Empty(RegionDescription.Parse(System.Text.Encoding.UTF8.GetBytes(text), out string? fault));
        Assert.NotNull(fault);
        Assert.Contains(because, fault, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', fault);
    }

    [Fact]
    public void Number_of_regions_is_bounded()
    {
        byte[] text = RegionDescription.Write(Enumerable.Repeat(default(RegionDescription), RegionDescription.MaxRegions));
        Assert.Equal(RegionDescription.MaxRegions, RegionDescription.Parse(text, out string? fault).Count);
        Assert.Null(fault);
        text = RegionDescription.Write(Enumerable.Repeat(default(RegionDescription), RegionDescription.MaxRegions + 1));
        Assert.Empty(RegionDescription.Parse(text, out fault));
        Assert.Contains("65536", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"page_size_kib\":4096")]
    [InlineData(",\"page_size\":4096,\"page_size_kib\":4096")]
    [InlineData(",\"extra\":{\"a\":[1,{\"size\":7}]}")]
    public async Task Client_of_any_version_is_served(string fields)
    {
        await using Scene scene = Scene.Start();
        await using TestClient client = await TestClient.StartAsync();
        await client.HandOverAsync(scene.SocketPath, $$"""[{"base_host_virt_addr":{{client.Range.Start}},"size":{{client.Range.Length}},"offset":8192{{fields}}}]""");
        await client.VerifyAsync(scene.Image, imageOffset: 8192);
    }
}
