namespace Uffd.Paging;

/// <summary>A run of a source's bytes.</summary>
/// <param name="Offset">Where it begins, in bytes.</param>
/// <param name="Length">How many bytes.</param>
public readonly record struct SourceRange(ulong Offset, ulong Length)
{
    /// <summary>The byte behind it.</summary>
    public ulong End => Offset + Length;
}
