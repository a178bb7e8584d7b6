namespace Uffd.Snapshots.Tests;

/// <summary>What a part of test/native/invariant.c promises about its memory at every instant.</summary>
public interface IInvariant
{
    /// <summary>Looks whether a copy of the process keeps the promise.</summary>
    /// <param name="snapshot">The copy.</param>
    /// <exception cref="BrokenInvariantException">It does not; what is wrong is told.</exception>
    void Check(ISnapshot snapshot);
}
