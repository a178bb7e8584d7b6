using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Uffd.Kernel.Tests.Support;

/// <summary>
/// A small swap file for the time of the tests, so that pages can be swapped out. Where the machine has swap already, that is
/// used; where it cannot be had, <see cref="Missing"/> says why.
/// </summary>
public sealed partial class Swap : IDisposable
{
    private const int Pages = 4096;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly string? _file;

    /// <summary>Turns swapping on.</summary>
    public Swap()
    {
        if (HasSwap())
        {
            return;
        }

        if (!Environment.IsPrivilegedProcess)
        {
            Missing = "this needs swap: there is none, and only root can add some";
            return;
        }

        string file = Path.Combine(Path.GetTempPath(), $"uffd-tests-swap-{Environment.ProcessId}");
        Make(file);
        if (SwapOn(file, 0) == 0)
        {
            _file = file;
            return;
        }

        Missing = $"this needs swap: there is none, and swapon of a file in {Path.GetTempPath()} answers {(Errno)Marshal.GetLastPInvokeError()}";
        File.Delete(file);
    }

    /// <summary>Why pages cannot be swapped out, or null where they can.</summary>
    public string? Missing { get; }

    /// <summary>Swaps the private pages of a native process out, and waits until they are.</summary>
    /// <exception cref="TimeoutException">The kernel keeps one in memory.</exception>
    internal static async Task OutAsync(TargetArea area, AddressRange range)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            await area.Target.RunAsync($"pageout {range.Start - area.Range.Start} {range.Length}");
            if (PageTable.Read(area.Target.ProcessId, range).All(page => !page.IsPresent))
            {
                return;
            }

            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                throw new TimeoutException($"the kernel does not swap {range} out");
            }

            await Task.Delay(1); // a page that is in use for a moment, by the disk for one
        }
    }

    /// <summary>Turns it off again.</summary>
    public void Dispose()
    {
        if (_file is not null)
        {
            _ = SwapOff(_file);
            File.Delete(_file);
        }
    }

    private static bool HasSwap() => File.Exists("/proc/swaps") && File.ReadLines("/proc/swaps").Skip(1).Any();

    /// <summary>What mkswap(8) writes: a header in the first page.</summary>
    private static void Make(string file)
    {
        const int InfoOffset = 1024;
        int page = Environment.SystemPageSize;
        byte[] header = new byte[page];
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(InfoOffset), 1); // version
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(InfoOffset + 4), Pages - 1); // last page
        Encoding.ASCII.GetBytes("SWAPSPACE2").CopyTo(header.AsSpan(page - 10));
        using var stream = new FileStream(file, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        stream.Write(header);
        Array.Clear(header);
        for (int index = 1; index < Pages; index++)
        {
            stream.Write(header); // a swap file may have no holes
        }

        stream.Flush(flushToDisk: true);
    }

    [LibraryImport("libc", EntryPoint = "swapon", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SwapOn(string path, int flags);

    [LibraryImport("libc", EntryPoint = "swapoff", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SwapOff(string path);
}
