namespace Uffd.Kernel.Tests.Model;

/// <summary>What a kernel must have for the model to describe it.</summary>
internal static class ModelNeeds
{
    /// <summary>Skips where the kernel or the caller's rights do not suffice.</summary>
    /// <returns>Huge pages that were reserved, if they are needed: to be given back after the region.</returns>
    public static IDisposable? Require(ModelSetup setup)
    {
        UffdRegisterModes modes = UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect | (setup.Memory.IsAnonymous() ? 0 : UffdRegisterModes.Minor);
        Requires.Features(setup.Features | setup.Memory.Needs(modes) | UffdFeatures.Poison | UffdFeatures.Move);
        Requires.KernelFaults();
        return setup.Memory.IsHugetlb() ? Requires.HugePages(3 * RegionModel.PageCount) : null;
    }
}
