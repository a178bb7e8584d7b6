using System.Runtime.CompilerServices;

namespace Uffd.Kernel.Tests.Model;

/// <summary>What finds disagreements, shrinks them and prints them finds, shrinks and prints.</summary>
public sealed class ControlTests(ITestOutputHelper output)
{
    private const UffdRegisterModes Protecting = UffdRegisterModes.WriteProtect;

    /// <summary>A model that is wrong in one thing is caught, with the three operations that it takes to see it.</summary>
    [Fact]
    public void Wrong_model_is_caught_and_the_sequence_is_as_small_as_can_be()
    {
        var setup = new ModelSetup(MemoryKind.Anonymous, UffdFeatures.WriteProtectUnpopulated);
        using IDisposable? hugePages = ModelNeeds.Require(setup);
        using var run = new ModelRun(setup, it => new CopyKeepsMarker(it));

        (Disagreement Smallest, ulong Seed)? found = run.Search(seed: 1, TestTime.Scaled(TimeSpan.FromSeconds(30)));

        Assert.NotNull(found);
        output.WriteLine(found.Value.Smallest.ToString());
        Assert.Collection(
            found.Value.Smallest.Sequence,
            first => Assert.Equal(Protecting, Assert.IsType<Register>(first).Modes & Protecting),
            second => Assert.Equal(UffdWriteProtectModes.Protect, Assert.IsType<WriteProtect>(second).Modes),
            third => Assert.Equal((1, 1, UffdCopyModes.None), (Assert.IsType<Copy>(third).Count, ((Copy)third).Value, ((Copy)third).Modes)));
        string difference = Assert.Single(found.Value.Smallest.Differences);
        Assert.Contains("model has a page, protected, reads 1; kernel has a page, reads 1", difference, StringComparison.Ordinal);
        using var right = new ModelRun(setup);
        Assert.Null(right.Compare(found.Value.Smallest.Sequence));
    }

    /// <summary>Printed sequences are C#: here the compiler's own text of each is what the printer makes of it.</summary>
    [Fact]
    public void Sequences_are_printed_as_the_code_that_makes_them()
    {
        AssertPrints(new Register(0, 5, UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect | UffdRegisterModes.Minor));
        AssertPrints(new Unregister(1, 2));
        AssertPrints(new Wake(1, 2));
        AssertPrints(new Copy(0, 2, 7, UffdCopyModes.DontWake | UffdCopyModes.WriteProtect));
        AssertPrints(new ZeroPage(3, 1, UffdZeroPageModes.None));
        AssertPrints(new Continue(3, 1, UffdContinueModes.WriteProtect));
        AssertPrints(new Poison(3, 1, UffdPoisonModes.DontWake));
        AssertPrints(new WriteProtect(0, 1, UffdWriteProtectModes.Unprotect));
        AssertPrints(new Move(0, 1, 4, UffdMoveModes.AllowSourceHoles));
        AssertPrints(new DontNeed(0, 1));
        AssertPrints(new Remove(0, 1));
        AssertPrints(new Read(4));
        AssertPrints(new Write(4, 255));
        AssertPrints(new WriteFile(4, 1));
        AssertPrints(new ReadSource(4));
        AssertPrints(new WriteSource(4, 1));
    }

    [Fact]
    public void Disagreement_is_printed_as_a_call_that_runs_it_again()
    {
        using IDisposable? hugePages = ModelNeeds.Require(new ModelSetup(MemoryKind.Anonymous, UffdFeatures.WriteProtectUnpopulated));
        const string Printed = """
            ModelRun.Replay(
                new ModelSetup(MemoryKind.Anonymous, UffdFeatures.WriteProtectUnpopulated),
                new Register(0, 5, UffdRegisterModes.WriteProtect),
                new Copy(0, 1, 1, UffdCopyModes.None));
            """;

        // The same text as code, so that it cannot be printed in a way that no longer compiles.
        ModelRun.Replay(
            new ModelSetup(MemoryKind.Anonymous, UffdFeatures.WriteProtectUnpopulated),
            new Register(0, 5, UffdRegisterModes.WriteProtect),
            new Copy(0, 1, 1, UffdCopyModes.None));

        var disagreement = new Disagreement(
            new ModelSetup(MemoryKind.Anonymous, UffdFeatures.WriteProtectUnpopulated),
            [new Register(0, 5, UffdRegisterModes.WriteProtect), new Copy(0, 1, 1, UffdCopyModes.None)],
            ["something"]);
        Assert.Equal(Printed, disagreement.ToCode());
    }

    private static void AssertPrints(Operation operation, [CallerArgumentExpression(nameof(operation))] string code = "")
        => Assert.Equal(code, operation.ToString());

    /// <summary>Believes that a plain copy leaves the protection of a marker in place.</summary>
    private sealed class CopyKeepsMarker(ModelSetup setup) : RegionModel(setup)
    {
        protected override bool KeepsProtection(Page page) => page.Entry == Entry.Marker;
    }
}
