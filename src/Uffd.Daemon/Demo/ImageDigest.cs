using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace Uffd.Daemon.Demo;

/// <summary>What an image's content must be: a SHA-256 of the whole, and a CRC-32C of each page to check it when it is touched.</summary>
/// <param name="Length">The image's bytes.</param>
/// <param name="Sha256">Of these bytes, in hexadecimal.</param>
/// <param name="PageChecksums">Of each page, the last one filled with zeros.</param>
internal sealed record ImageDigest(ulong Length, string Sha256, uint[] PageChecksums)
{
    /// <summary>The CRC-32C of one page.</summary>
    public static uint Checksum(ReadOnlySpan<byte> page)
    {
        uint crc = uint.MaxValue;
        for (int offset = 0; offset < page.Length; offset += sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(page[offset..]));
        }

        return ~crc;
    }

    /// <summary>Reads a file once, which also brings it into the page cache for what is measured afterwards.</summary>
    public static ImageDigest Compute(string path, Action<double> progress, CancellationToken cancellation)
    {
        int pageSize = Environment.SystemPageSize;
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[4 << 20];
        long length = file.Length;
        var checksums = new uint[(length + pageSize - 1) / pageSize];
        long done = 0;
        while (done < length)
        {
            cancellation.ThrowIfCancellationRequested();
            int read = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            if (read == 0)
            {
                throw new EndOfStreamException($"the image {path} was cut short while it was read");
            }

            hash.AppendData(buffer, 0, read);
            int whole = (read + pageSize - 1) / pageSize * pageSize;
            buffer.AsSpan(read, whole - read).Clear();
            for (int offset = 0; offset < whole; offset += pageSize)
            {
                checksums[(done + offset) / pageSize] = Checksum(buffer.AsSpan(offset, pageSize));
            }

            done += read;
            progress((double)done / length);
        }

        return new ImageDigest((ulong)length, Convert.ToHexStringLower(hash.GetHashAndReset()), checksums);
    }

    /// <summary>Writes the checksums for the worker to read.</summary>
    public void WriteChecksums(string path)
        => File.WriteAllBytes(path, System.Runtime.InteropServices.MemoryMarshal.AsBytes(PageChecksums.AsSpan()).ToArray());

    /// <summary>Reads what <see cref="WriteChecksums"/> wrote.</summary>
    public static uint[] ReadChecksums(string path)
        => System.Runtime.InteropServices.MemoryMarshal.Cast<byte, uint>(File.ReadAllBytes(path)).ToArray();
}
