namespace Uffd.Migration.Tests.Hostile;

/// <summary>Tests that measure what is allocated in this process: they run when no others do.</summary>
[CollectionDefinition(nameof(AloneCollection), DisableParallelization = true)]
public sealed class AloneCollection;
