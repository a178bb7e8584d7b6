using System.Runtime.InteropServices;

namespace Uffd.Daemon.Demo;

/// <summary>Makes an image whose every page is different, except that one in sixteen is zeros, as in real memory some are.</summary>
internal static class DemoImage
{
    private const int ZeroEvery = 16;

    /// <summary>Writes it.</summary>
    public static void Write(string path, ulong length, Action<double> progress, CancellationToken cancellation)
    {
        int pageSize = Environment.SystemPageSize;
        byte[] buffer = new byte[4 << 20];
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        for (ulong done = 0; done < length;)
        {
            cancellation.ThrowIfCancellationRequested();
            for (int offset = 0; offset < buffer.Length; offset += pageSize)
            {
                FillPage(buffer.AsSpan(offset, pageSize), (done + (ulong)offset) / (ulong)pageSize);
            }

            int write = (int)Math.Min((ulong)buffer.Length, length - done);
            file.Write(buffer, 0, write);
            done += (ulong)write;
            progress((double)done / length);
        }
    }

    private static void FillPage(Span<byte> page, ulong index)
    {
        if (index % ZeroEvery == ZeroEvery - 1)
        {
            page.Clear();
            return;
        }

        ulong state = unchecked((index + 1) * 0x9E3779B97F4A7C15);
        foreach (ref ulong word in MemoryMarshal.Cast<byte, ulong>(page))
        {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word = state;
        }
    }
}
