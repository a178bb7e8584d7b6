namespace Uffd.Migration;

/// <summary>The page of the protocol: of one size on every machine, whatever the kernel's there.</summary>
internal static class WirePage
{
    public const int Bytes = 4096;
    public const int Shift = 12;
}
