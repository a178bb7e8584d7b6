namespace Uffd.Daemon.Tests;

/// <summary>Content whose every page is different and none is zeros, and what must be read where.</summary>
internal sealed class TestImage
{
    public const int Pages = 64;
    public static readonly ulong Page = (ulong)Environment.SystemPageSize;

    public TestImage(int length, int seed = 1)
    {
        Bytes = new byte[length];
        new Random(seed).NextBytes(Bytes);
        for (int offset = 0; offset < length; offset += (int)Page)
        {
            Bytes[offset] = (byte)((offset / (int)Page % 255) + 1); // a first byte that is not zero
        }
    }

    /// <summary>Sixty-four pages.</summary>
    public static TestImage Usual { get; } = new(Pages * Environment.SystemPageSize);

    public byte[] Bytes { get; }

    /// <summary>Makes it a file.</summary>
    public string WriteTo(string path)
    {
        File.WriteAllBytes(path, Bytes);
        return path;
    }

    /// <summary>The hash that memory must have; behind the end are zeros.</summary>
    public ulong Hash(ulong offset, ulong length)
    {
        byte[] part = new byte[length];
        int available = (int)Math.Clamp((long)Bytes.Length - (long)offset, 0, (long)length);
        Bytes.AsSpan((int)Math.Min(offset, (ulong)Bytes.Length), available).CopyTo(part);
        return NativeTarget.Hash(part);
    }
}
