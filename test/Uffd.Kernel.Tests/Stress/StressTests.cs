using Uffd.Kernel.Stress;
using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests;

/// <summary>A short run of the stress program: ten seconds over all kinds of memory.</summary>
public sealed class StressTests(ITestOutputHelper output)
{
    [Theory]
    [Memory]
    public async Task Pages_survive_being_bounced_while_threads_write_them(MemoryKind memory)
    {
        StressReport report = await Stressor.RunAsync(memory, TimeSpan.FromSeconds(2), new StressOptions());
        output.WriteLine(report.ToString());
        Assert.True(report.Verified, report.ToString());
        Assert.True(report.MissingFaults > 0, "there was no fault");
        if ((memory.Needs(UffdRegisterModes.WriteProtect) & ~Userfaultfd.SupportedFeatures) == UffdFeatures.None)
        {
            Assert.True(report.ProtectFaults > 0, "there was no write-protect fault");
        }
    }
}
