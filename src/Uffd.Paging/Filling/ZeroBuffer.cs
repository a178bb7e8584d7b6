namespace Uffd.Paging;

/// <summary>Zeros to copy from, for memory that has no zero page. Never written, so it costs addresses and hardly any memory.</summary>
internal static class ZeroBuffer
{
    private const ulong Size = 1UL << 30; // the largest page there is

    private static readonly Lazy<MemoryMapping> Zeros = new(() => MemoryMapping.CreateAnonymous(
        Size,
        new MemoryMappingOptions { Access = MappingAccess.Read, NoReserve = true }));

    /// <summary>The address of at least so many zeros, for as long as this process lives.</summary>
    public static ulong AddressFor(ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Size);
        return Zeros.Value.Address;
    }
}
