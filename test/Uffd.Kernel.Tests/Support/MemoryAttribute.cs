using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace Uffd.Kernel.Tests.Support;

/// <summary>Runs a theory once for each of these kinds of memory; for all five where none is named.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class MemoryAttribute(params MemoryKind[] kinds) : DataAttribute
{
    /// <summary>The kinds; empty for all.</summary>
    public IReadOnlyList<MemoryKind> Kinds => kinds;

    /// <inheritdoc/>
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker)
        => ValueTask.FromResult<IReadOnlyCollection<ITheoryDataRow>>(
            [.. (kinds.Length > 0 ? kinds : Enum.GetValues<MemoryKind>()).Select(kind => new TheoryDataRow<MemoryKind>(kind))]);

    /// <inheritdoc/>
    public override bool SupportsDiscoveryEnumeration() => true;
}
