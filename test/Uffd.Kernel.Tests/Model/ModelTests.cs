using System.Diagnostics;
using System.Globalization;

namespace Uffd.Kernel.Tests.Model;

/// <summary>
/// The kernel does what the model says, whatever is done in whatever order. UFFD_MODEL_SECONDS is how long all of it may take
/// (default 20), UFFD_MODEL_SEED where it begins (a number, or "random"; default 1, so that a run tells of the change and not
/// of its luck), UFFD_MODEL_MEMORY one kind of memory to look at. Huge pages are looked at only when asked for: see
/// <see cref="Sequences"/>.
/// </summary>
public sealed class ModelTests(ITestOutputHelper output)
{
    private const UffdFeatures Unpopulated = UffdFeatures.WriteProtectUnpopulated;

    private static readonly ModelSetup[] Setups = [.. new ModelSetup[]
    {
        new(MemoryKind.Anonymous, UffdFeatures.None),
        new(MemoryKind.Anonymous, Unpopulated),
        new(MemoryKind.Anonymous, UffdFeatures.WriteProtectAsync),
        new(MemoryKind.Anonymous, Unpopulated | UffdFeatures.Sigbus),
        new(MemoryKind.Shmem, UffdFeatures.None),
        new(MemoryKind.Shmem, UffdFeatures.WriteProtectAsync),
        new(MemoryKind.Shmem, UffdFeatures.Sigbus),
        new(MemoryKind.ShmemPrivate, UffdFeatures.None),
        new(MemoryKind.ShmemPrivate, UffdFeatures.WriteProtectAsync),
        new(MemoryKind.Hugetlb, UffdFeatures.None),
    }.Where(IsWanted)];

    private static bool IsWanted(ModelSetup setup)
        => Environment.GetEnvironmentVariable("UFFD_MODEL_MEMORY") is { Length: > 0 } wanted
            ? wanted.Equals(setup.Memory.ToString(), StringComparison.Ordinal)
            : !setup.Memory.IsHugetlb();

    public static TheoryData<MemoryKind, UffdFeatures> Cases()
    {
        var cases = new TheoryData<MemoryKind, UffdFeatures>();
        foreach (ModelSetup setup in Setups)
        {
            cases.Add(setup.Memory, setup.Features);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Kernel_agrees_with_the_model(MemoryKind memory, UffdFeatures features)
    {
        var setup = new ModelSetup(memory, features);
        using IDisposable? hugePages = ModelNeeds.Require(setup);
        ulong seed = ulong.TryParse(Environment.GetEnvironmentVariable("UFFD_MODEL_SEED"), CultureInfo.InvariantCulture, out ulong given) ? given
            : string.Equals(Environment.GetEnvironmentVariable("UFFD_MODEL_SEED"), "random", StringComparison.Ordinal) ? (ulong)Random.Shared.NextInt64(int.MaxValue)
            : 1;
        double seconds = double.TryParse(Environment.GetEnvironmentVariable("UFFD_MODEL_SECONDS"), CultureInfo.InvariantCulture, out double wanted) ? wanted : 20;
        using var run = new ModelRun(setup);
        long start = Stopwatch.GetTimestamp();
        (Disagreement Smallest, ulong Seed)? found = run.Search(seed, TimeSpan.FromSeconds(seconds / Setups.Length));
        output.WriteLine($"UFFD_MODEL_SEED={seed} {run.Describe(Stopwatch.GetElapsedTime(start))}");
        Assert.True(found is null, $"UFFD_MODEL_SEED={found?.Seed}: {found?.Smallest}");
    }
}
