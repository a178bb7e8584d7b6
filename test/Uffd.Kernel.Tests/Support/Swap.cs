using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Uffd.Kernel.Tests.Support;

/// <summary>
/// Swap files for the time of the tests, so that pages can be swapped out. Where the machine has swap already, that is used as
/// well; where it cannot be had, <see cref="Missing"/> says why.
/// </summary>
public sealed partial class Swap : IDisposable
{
    private const long FileSize = 64L << 20;
    private const ulong LowOnSpace = 16UL << 20;
    private const int MostFiles = 16;
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    private readonly List<string> _files = [];

    /// <summary>Turns swapping on.</summary>
    public Swap()
    {
        if (FreeBytes() < LowOnSpace)
        {
            Missing = Add();
        }
    }

    /// <summary>Why pages cannot be swapped out, or null where they can.</summary>
    public string? Missing { get; }

    /// <summary>Swaps the private pages of a native process out, and waits until they are.</summary>
    /// <exception cref="TimeoutException">The kernel keeps one in memory.</exception>
    internal async Task OutAsync(TargetArea area, AddressRange range)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            await area.Target.RunAsync($"pageout {range.Start - area.Range.Start} {range.Length}");
            int kept = PageTable.Read(area.Target.ProcessId, range).Count(page => page.IsPresent);
            if (kept == 0)
            {
                return;
            }

            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                throw new TimeoutException($"the kernel keeps {kept} pages of {range} in memory, with {FreeBytes()} bytes of swap free");
            }

            // A machine that reclaims memory on its own (DAMON does) fills what swap it finds.
            if (FreeBytes() < LowOnSpace && _files.Count < MostFiles)
            {
                _ = Add();
            }

            await Task.Delay(1); // a page that is in use for a moment, by the disk for one
        }
    }

    /// <summary>Turns it off again.</summary>
    public void Dispose()
    {
        foreach (string file in _files)
        {
            _ = SwapOff(file);
            File.Delete(file);
        }
    }

    /// <summary>Adds a file; says why not where it cannot.</summary>
    private string? Add()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return "this needs swap: there is none, and only root can add some";
        }

        string file = Path.Combine(Path.GetTempPath(), $"uffd-tests-swap-{Environment.ProcessId}-{Interlocked.Increment(ref s_lastFile)}");
        if (Make(file) && SwapOn(file, 0) == 0)
        {
            _files.Add(file);
            return null;
        }

        var errno = (Errno)Marshal.GetLastPInvokeError();
        File.Delete(file);
        return $"this needs swap: there is none, and a file for it in {Path.GetTempPath()} cannot be had: {errno}";
    }

    private static int s_lastFile;

    private static ulong FreeBytes()
    {
        const string Field = "SwapFree:";
        string line = File.ReadLines("/proc/meminfo").First(line => line.StartsWith(Field, StringComparison.Ordinal));
        return 1024 * ulong.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    /// <summary>What mkswap(8) writes: a header in the first page.</summary>
    private static bool Make(string file)
    {
        const int InfoOffset = 1024;
        int page = Environment.SystemPageSize;
        byte[] header = new byte[page];
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(InfoOffset), 1); // version
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(InfoOffset + 4), (int)(FileSize / page) - 1); // last page
        Encoding.ASCII.GetBytes("SWAPSPACE2").CopyTo(header.AsSpan(page - 10));
        using var stream = new FileStream(file, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        stream.Write(header);
        stream.Flush();
        return SystemCalls.TryAllocate(stream.SafeFileHandle, FileSize);
    }

    [LibraryImport("libc", EntryPoint = "swapon", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SwapOn(string path, int flags);

    [LibraryImport("libc", EntryPoint = "swapoff", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SwapOff(string path);
}
