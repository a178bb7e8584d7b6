namespace Uffd.Paging;

/// <summary>Where a blob lies: a slot of a chunk.</summary>
/// <param name="Chunk">The chunk's number.</param>
/// <param name="Slot">The slot's number in it, below 1,024.</param>
internal readonly record struct SlabPlace(uint Chunk, int Slot);
