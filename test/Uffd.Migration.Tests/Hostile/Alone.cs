namespace Uffd.Migration.Tests.Hostile;

/// <summary>Tests that measure what is allocated in this process: they run when no others do.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
