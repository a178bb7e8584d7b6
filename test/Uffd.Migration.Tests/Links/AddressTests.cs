namespace Uffd.Migration.Tests.Links;

/// <summary>What is an address, and what is none.</summary>
public sealed class AddressTests
{
    [Theory]
    [InlineData("host:7000", "host", 7000)]
    [InlineData("a-host.example:1", "a-host.example", 1)]
    [InlineData("10.0.0.1:65535", "10.0.0.1", 65535)]
    [InlineData("*:0", "*", 0)]
    [InlineData("[::1]:80", "::1", 80)]
    public void Host_and_port(string text, string host, int port)
    {
        Assert.True(MigrationAddress.TryParse(text, out MigrationAddress? address));
        Assert.Equal(new MigrationAddress(host, port, null), address);
        Assert.Equal(text, address!.ToString());
    }

    [Fact]
    public void Path_of_a_socket()
    {
        Assert.True(MigrationAddress.TryParse("unix:/run/a:b", out MigrationAddress? address));
        Assert.Equal(new MigrationAddress("", 0, "/run/a:b"), address);
        Assert.Equal("unix:/run/a:b", address!.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("host")]
    [InlineData(":80")]
    [InlineData("host:")]
    [InlineData("host:65536")]
    [InlineData("host:-1")]
    [InlineData("host: 80")]
    [InlineData("ho st:80")]
    [InlineData("::1:80")]
    [InlineData("[host]:80")]
    [InlineData("[]:80")]
    [InlineData("unix:")]
    [InlineData("unix:a\0b")]
    [InlineData("http://host:80")]
    public void None(string text)
    {
        Assert.False(MigrationAddress.TryParse(text, out MigrationAddress? address));
        Assert.Null(address);
    }
}
