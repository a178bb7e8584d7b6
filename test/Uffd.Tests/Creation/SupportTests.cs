namespace Uffd.Tests.Creation;

/// <summary>What the kernel lacks is said before it is used.</summary>
public class SupportTests
{
    private const UffdFeatures NotOfThisCentury = (UffdFeatures)(1UL << 62);

    [Fact]
    public void What_the_kernel_has_is_supported()
    {
        Assert.True(Userfaultfd.Supports(UffdFeatures.None));
        Assert.True(Userfaultfd.Supports(Userfaultfd.SupportedFeatures));
        Userfaultfd.Require(Userfaultfd.SupportedFeatures);
    }

    [Fact]
    public void What_it_lacks_is_named_with_its_version()
    {
        Assert.False(Userfaultfd.Supports(NotOfThisCentury | UffdFeatures.EventRemove));
        UffdException exception = Assert.Throws<UffdException>(() => Userfaultfd.Require(NotOfThisCentury | UffdFeatures.EventRemove));
        Assert.True(exception.IsUnavailable);
        Assert.Contains("bit 62 (Linux unknown)", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("EVENT_REMOVE", exception.Message, StringComparison.Ordinal);
    }
}
