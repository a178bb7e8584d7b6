using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Rules;

/// <summary>
/// What a kernel lacks is said before it is used, by name and with the version that brought it, and never taken for a wrong
/// argument. Each kernel lacks something else, so these run on all of them.
/// </summary>
public sealed class Lacking
{
    [Fact]
    public void Each_feature_is_there_or_named_with_its_version()
    {
        Requires.Features(UffdFeatures.None);
        foreach (UffdFeatureInfo info in UffdFeatureInfo.All)
        {
            if (Userfaultfd.Supports(info.Feature))
            {
                Userfaultfd.Require(info.Feature);
                continue;
            }

            AssertNamed(info, () => Userfaultfd.Require(info.Feature));
            AssertNamed(info, () => Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = info.Feature }).Dispose());
            using Userfaultfd without = Userfaultfd.Create(new UserfaultfdOptions { OptionalFeatures = info.Feature });
            Assert.Equal(UffdFeatures.None, without.Features);
        }
    }

    /// <summary>A kernel answers EINVAL to both.</summary>
    [Fact]
    public void Operation_that_is_not_known_is_told_from_a_wrong_argument()
    {
        using Area area = Area.Create(MemoryKind.Anonymous);
        var crooked = new AddressRange(area.Range.Start + 1, area.PageSize);
        Assert.Equal(Refusal(UffdFeatures.MinorHugetlbfs), area.Userfaultfd.Continue(crooked));
        Assert.Equal(Refusal(UffdFeatures.WriteProtectUnpopulated), area.Userfaultfd.Continue(crooked, UffdContinueModes.WriteProtect)); // both of 6.4
        Assert.Equal(Refusal(UffdFeatures.Poison), area.Userfaultfd.Poison(crooked));
        Assert.Equal(Refusal(UffdFeatures.Move), area.Userfaultfd.Move(crooked, area.Range.Start));
    }

    /// <summary>Also where the feature is of some kinds of memory only.</summary>
    [Theory]
    [Memory]
    public void Mode_that_memory_cannot_have_yet_is_named(MemoryKind memory)
    {
        using Area area = Area.Create(memory, UffdRegisterModes.None);
        foreach (UffdRegisterModes modes in (UffdRegisterModes[])[UffdRegisterModes.WriteProtect, UffdRegisterModes.Minor])
        {
            UffdFeatures missing = memory.Needs(modes) & ~Userfaultfd.SupportedFeatures;
            if (missing != UffdFeatures.None)
            {
                var refusal = Assert.Throws<UffdException>(() => area.Userfaultfd.Register(area.Range, modes));
                Assert.Equal(Errno.EINVAL, refusal.Errno); // the kernel's answer, kept
                UffdFeatureInfo info = UffdFeatureInfo.Describe(missing).First();
                Assert.Contains($"{info.KernelName} (Linux {info.Since})", refusal.Message, StringComparison.Ordinal);
            }
        }
    }

    private static UffdResult Refusal(UffdFeatures feature) => new(0, Userfaultfd.Supports(feature) ? Errno.EINVAL : Errno.ENOTTY);

    private static void AssertNamed(UffdFeatureInfo info, Action use)
    {
        var refusal = Assert.Throws<UffdException>(use);
        Assert.True(refusal.IsUnavailable);
        Assert.Contains($"{info.KernelName} (Linux {info.Since})", refusal.Message, StringComparison.Ordinal);
    }
}
