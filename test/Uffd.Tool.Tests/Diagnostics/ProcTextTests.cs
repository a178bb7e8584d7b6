using Uffd.Diagnostics;

namespace Uffd.Tool.Tests.Diagnostics;

/// <summary>The parsers of /proc and /sys, on what kernels and containers show, and on what nobody would.</summary>
public sealed class ProcTextTests
{
    [Theory]
    [InlineData("0\n", 0L)]
    [InlineData(" 1048576 \n", 1048576L)]
    [InlineData("-1", -1L)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("9223372036854775808", null)]
    [InlineData("1 2", null)]
    [InlineData("0x10", null)]
    [InlineData("", null)]
    [InlineData("\0", null)]
    [InlineData(null, null)]
    public void Number(string? text, long? expected) => Assert.Equal(expected, ProcText.Number(text));

    [Theory]
    [InlineData("always [madvise] never\n", "madvise")]
    [InlineData("[always] madvise never", "always")]
    [InlineData("always within_size advise [never] deny force\n", "never")]
    [InlineData("always [within_size] advise", "within_size")]
    [InlineData("never\n", "never")]
    [InlineData("always madvise never", null)]
    [InlineData("[] always", null)]
    [InlineData("[", null)]
    [InlineData("[never", null)]
    [InlineData("<html>", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void Chosen(string? text, string? expected) => Assert.Equal(expected, ProcText.Chosen(text));

    [Theory]
    [InlineData("Name:\tcat\nCapEff:\t000001fffeffffff\n", "CapEff", "000001fffeffffff")]
    [InlineData("Seccomp:\t2\nSeccomp_filters:\t1\n", "Seccomp", "2")]
    [InlineData("Seccomp_filters:\t1\n", "Seccomp", null)]
    [InlineData("Groups:\t \n", "Groups", null)]
    [InlineData("CapEff", "CapEff", null)]
    [InlineData("XCapEff:\t1", "CapEff", null)]
    [InlineData("", "CapEff", null)]
    [InlineData(null, "CapEff", null)]
    public void Field(string? text, string name, string? expected) => Assert.Equal(expected, ProcText.Field(text, name));

    [Theory]
    [InlineData("CapEff:\t000001ffffffffff\n", true)]
    [InlineData("CapEff:\t0000000000080000\n", true)]
    [InlineData("CapEff:\tfffffffffff7ffff\n", false)]
    [InlineData("CapEff:\t0000000000000000\n", false)]
    [InlineData("CapPrm:\t0000000000080000\n", null)]
    [InlineData("CapEff:\tall\n", null)]
    [InlineData("CapEff:\t10000000000000000\n", null)]
    [InlineData(null, null)]
    public void HasCapability(string? status, bool? expected) => Assert.Equal(expected, ProcText.HasCapability(status, "CapEff", 19));

    [Theory]
    [InlineData("Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 1048576              files     \n", 1024L, 1048576L)]
    [InlineData("Max open files            1024                 unlimited            files", 1024L, null)]
    [InlineData("Max open files            unlimited            unlimited", null, null)]
    public void Limit(string text, long? soft, long? hard)
        => Assert.Equal(new ResourceLimit(soft, hard), ProcText.Limit(text, "Max open files"));

    [Theory]
    [InlineData("Max open files            1024\n")]
    [InlineData("Max open files            lots                 more                 files\n")]
    [InlineData("Max processes             1024                 1048576              processes\n")]
    [InlineData("")]
    [InlineData(null)]
    public void Limit_that_is_not_there(string? text) => Assert.Null(ProcText.Limit(text, "Max open files"));

    [Theory]
    [InlineData("CONFIG_USERFAULTFD=y\n", true)]
    [InlineData("# head\nCONFIG_USERFAULTFD=m\n", true)]
    [InlineData("CONFIG_HAVE_ARCH_USERFAULTFD_WP=y\n# CONFIG_USERFAULTFD is not set\n", false)]
    [InlineData("CONFIG_USERFAULTFD_X=y\n", null)]
    [InlineData("CONFIG_USERFAULTFD", null)]
    [InlineData("CONFIG_USERFAULTFD=n", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void ConfigHas(string? text, bool? expected) => Assert.Equal(expected, ProcText.ConfigHas(text, "CONFIG_USERFAULTFD"));

    [Theory]
    [InlineData("257 userfaultfd\n 10 rfkill\n", true)]
    [InlineData(" 10 rfkill\n", false)]
    [InlineData("userfaultfd\n", false)]
    [InlineData("", false)]
    [InlineData(null, null)]
    public void MiscHas(string? text, bool? expected) => Assert.Equal(expected, ProcText.MiscHas(text, "userfaultfd"));

    [Theory]
    [InlineData("root:x:0:0:root:/root:/bin/sh\nkvm:x:100:\n", 0, "root")]
    [InlineData("root:x:0:\nkvm:x:100:\n", 100, "kvm")]
    [InlineData("root:x:0:\n", 7, "7")]
    [InlineData(":x:7:\n", 7, "7")]
    [InlineData("garbage\n\n:::\n", 7, "7")]
    [InlineData(null, 4294967295, "4294967295")]
    public void NameOf(string? table, uint id, string expected) => Assert.Equal(expected, ProcText.NameOf(table, id));

    [Theory]
    [InlineData(0x2180, "crw-------")]
    [InlineData(0x21B6, "crw-rw-rw-")]
    [InlineData(0x81A4, "-rw-r--r--")]
    [InlineData(0x41ED, "drwxr-xr-x")]
    [InlineData(0, "?---------")]
    public void Mode(int mode, string expected) => Assert.Equal(expected, ProcText.Mode(mode));
}
