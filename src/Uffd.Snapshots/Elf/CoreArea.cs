namespace Uffd.Snapshots;

/// <summary>A stretch of a core file that stands for a stretch of addresses.</summary>
/// <param name="start">The first address.</param>
/// <param name="length">In bytes, whole pages.</param>
/// <param name="offset">Where in the file.</param>
internal sealed class CoreArea(ulong start, ulong length, ulong offset)
{
    public ulong Start { get; } = start;

    public ulong Length { get; set; } = length;

    public ulong Offset { get; } = offset;

    public ulong End => Start + Length;

    public ulong FileEnd => Offset + Length;

    /// <summary>Pages whose content was given, zeros too.</summary>
    public PageBits Taken { get; } = new();

    /// <summary>Pages that the file has bytes for: those that are not zeros.</summary>
    public PageBits Data { get; } = new();
}
