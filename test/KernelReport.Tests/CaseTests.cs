using System.Xml.Linq;
using Uffd.KernelReport;

namespace KernelReport.Tests;

/// <summary>What counts as excused by a kernel's age, and what does not.</summary>
public sealed class CaseTests
{
    private static readonly Facts Kernel = new("6.1.0-56-cloud-amd64", "6.1.192-2", new HashSet<string>(StringComparer.Ordinal) { "MINOR_SHMEM" });

    [Fact]
    public void Passed_case_loses_its_namespace()
    {
        Case read = Case.Read(Test("Pass"), Kernel);
        Assert.Equal((Outcome.Passed, "Moves", "Whole(memory: Anonymous)"), (read.Outcome, read.Group, read.Name));
    }

    [Fact]
    public void Failed_case_has_its_message()
    {
        XElement test = Test("Fail");
        test.Add(new XElement("failure", new XElement("message", " no page \n came ")));
        Case read = Case.Read(test, Kernel);
        Assert.Equal((Outcome.Failed, "no page \n came"), (read.Outcome, read.Reason));
        Assert.Equal("no page came", Text.OneLine(read.Reason));
    }

    [Fact]
    public void Newer_feature_excuses_and_is_named()
    {
        Case read = Skipped("not supported: needs POISON (Linux 6.6), mremap() that clears, and more (Linux 6.13)");
        Assert.Equal(Outcome.NotSupported, read.Outcome);
        Assert.Equal([new Need("POISON", "6.6"), new Need("mremap() that clears, and more", "6.13")], read.Needs);
        Assert.Equal("POISON (6.6)", read.Needs[0].ToString());
    }

    [Theory]
    [InlineData("this needs root")]
    [InlineData("")]
    [InlineData("not supported: needs luck")]
    [InlineData("not supported: needs MADV_COLLAPSE (Linux 6.1)")] // this kernel is new enough
    [InlineData("not supported: needs POISON (Linux 6.6), MADV_COLLAPSE (Linux 6.1)")]
    [InlineData("not supported: needs MINOR_SHMEM (Linux 9.9)")] // this kernel says that it has it
    public void Anything_else_is_a_skip_that_must_be_listed(string reason)
    {
        Case read = Skipped(reason);
        Assert.Equal((Outcome.Skipped, reason), (read.Outcome, read.Reason));
        Assert.Empty(read.Needs);
    }

    [Fact]
    public void Result_of_another_kind_is_listed_too() => Assert.Equal(Outcome.Skipped, Case.Read(Test("NotRun"), Kernel).Outcome);

    [Theory]
    [InlineData("6.1.0-56-cloud-amd64", "6.1.0")]
    [InlineData("5.10.262-1", "5.10.262")]
    [InlineData("7.3~rc7-1~exp1", "7.3-rc7")]
    public void Name_of_a_kernel_is_what_its_project_calls_it(string text, string name) => Assert.Equal(name, KernelVersion.Bare(text));

    [Fact]
    public void Text_without_a_version_is_refused() => Assert.Throws<InvalidDataException>(() => KernelVersion.Parse("generic"));

    private static Case Skipped(string reason)
    {
        XElement test = Test("Skip");
        test.Add(new XElement("reason", reason));
        return Case.Read(test, Kernel);
    }

    private static XElement Test(string result) => new(
        "test",
        new XAttribute("name", "Uffd.Kernel.Tests.Moves.Whole(memory: Anonymous)"),
        new XAttribute("type", "Uffd.Kernel.Tests.Moves"),
        new XAttribute("source-file", "/somewhere/Moves.cs"),
        new XAttribute("source-line", "12"),
        new XAttribute("result", result));
}
