using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Model;

/// <summary>What a kernel must have for the model to describe it.</summary>
internal static class ModelNeeds
{
    /// <summary>Skips where the kernel or the caller's rights do not suffice.</summary>
    public static void Require(ModelSetup setup)
    {
        UffdRegisterModes modes = UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect | (setup.Memory.IsAnonymous() ? 0 : UffdRegisterModes.Minor);
        Requires.Features(setup.Features | setup.Memory.Needs(modes) | UffdFeatures.Poison | UffdFeatures.Move);
        Requires.KernelFaults();
    }
}
