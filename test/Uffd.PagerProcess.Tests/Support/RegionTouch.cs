using Uffd.Paging;

namespace Uffd.PagerProcess.Tests.Support;

/// <summary>Touches of a region from native calls with a time limit: a test that fails must not hang.</summary>
internal static class RegionTouch
{
    public static readonly RawRegionOptions Small = new() { MemoryLimit = RawRegionOptions.SmallestMemoryLimit, Retries = 1 };

    public static Task<byte[]> ReadAsync(this RawPagedRegion region, long offset, int length)
        => NativeTouch.ReadAsync((ulong)region.Pointer + (ulong)offset, length);

    public static Task WriteAsync(this RawPagedRegion region, long offset, byte value, int length = 1)
        => NativeTouch.FillAsync((ulong)region.Pointer + (ulong)offset, value, (ulong)length);

    /// <summary>Whether each page of a range is there, and whether it is protected against writing, as the kernel tells.</summary>
    public static unsafe (bool IsPresent, bool IsProtected)[] LookAt(this RawPagedRegion region, long page, int count)
    {
        const int ProtectedBit = 57;
        const int PresentBit = 63;
        using FileStream pagemap = File.OpenRead("/proc/self/pagemap");
        pagemap.Position = ((region.Pointer / 4096) + page) * sizeof(ulong);
        byte[] entries = new byte[count * sizeof(ulong)];
        pagemap.ReadExactly(entries);
        return
        [
            .. Enumerable.Range(0, count).Select(index => BitConverter.ToUInt64(entries, index * sizeof(ulong)))
                .Select(entry => (((entry >> PresentBit) & 1) != 0, ((entry >> ProtectedBit) & 1) != 0)),
        ];
    }

    /// <summary>Waits for something that another process brings about.</summary>
    public static async Task UntilAsync(Func<bool> holds, string what)
    {
        long end = Environment.TickCount64 + (long)TestTime.Scaled(TimeSpan.FromSeconds(20)).TotalMilliseconds;
        while (!holds())
        {
            Assert.True(Environment.TickCount64 < end, $"in vain: {what}");
            await Task.Delay(10);
        }
    }
}
