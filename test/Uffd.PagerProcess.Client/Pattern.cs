using System.Runtime.InteropServices;

namespace Uffd.PagerProcess.Client;

/// <summary>What the images of the tests hold: every word is known from its place, and none is zero.</summary>
public static class Pattern
{
    /// <summary>The word at a place, counted in words.</summary>
    public static ulong At(long index)
    {
        ulong value = unchecked(((ulong)index + 1) * 0x9e3779b97f4a7c15);
        return (value ^ (value >> 29)) | 1;
    }

    /// <summary>Makes an image.</summary>
    public static void Write(string path, long length)
    {
        using FileStream file = File.Create(path);
        byte[] part = new byte[1 << 20];
        for (long offset = 0; offset < length; offset += part.Length)
        {
            Fill(offset, part);
            file.Write(part, 0, (int)Math.Min(part.Length, length - offset));
        }
    }

    /// <summary>The bytes at an offset that is a multiple of 8.</summary>
    public static void Fill(long offset, Span<byte> bytes)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        for (int index = 0; index < words.Length; index++)
        {
            words[index] = At((offset / sizeof(ulong)) + index);
        }
    }
}
