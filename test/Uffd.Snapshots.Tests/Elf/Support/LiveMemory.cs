using Microsoft.Win32.SafeHandles;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>What a process has in its memory now.</summary>
internal static class LiveMemory
{
    public static byte[] Read(int processId, AddressRange range)
    {
        using SafeFileHandle memory = File.OpenHandle($"/proc/{processId}/mem");
        byte[] bytes = new byte[range.Length];
        Assert.Equal(bytes.Length, RandomAccess.Read(memory, bytes, (long)range.Start));
        return bytes;
    }
}
