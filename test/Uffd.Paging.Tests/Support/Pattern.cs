using System.Runtime.InteropServices;

namespace Uffd.Paging.Tests;

/// <summary>Content of which every word tells where it belongs; test/native/roam.c knows it too.</summary>
internal static class Pattern
{
    public static readonly ulong Page = (ulong)Environment.SystemPageSize;

    /// <summary>The bytes of an image.</summary>
    /// <param name="length">How many, a multiple of 8.</param>
    /// <param name="salt">Which image; not 0.</param>
    /// <param name="offset">The offset in the image of the first byte.</param>
    public static byte[] Bytes(ulong length, ulong salt = 1, ulong offset = 0)
    {
        byte[] bytes = new byte[length];
        Fill(bytes, salt, offset);
        return bytes;
    }

    public static void Fill(Span<byte> bytes, ulong salt, ulong offset)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        for (int index = 0; index < words.Length; index++)
        {
            ulong word = unchecked((offset + ((ulong)index * 8) + salt) * 0x9e3779b97f4a7c15);
            words[index] = word ^ (word >> 29);
        }
    }

    /// <summary>The byte at an offset.</summary>
    public static int ByteAt(ulong offset, ulong salt = 1) => Bytes(8, salt, offset & ~7UL)[offset & 7];

    /// <summary>The hash of a part of an image, as a target gives it.</summary>
    public static ulong Hash(ulong length, ulong salt = 1, ulong offset = 0) => NativeTarget.Hash(Bytes(length, salt, offset));

    /// <summary>The hash of zeros.</summary>
    public static ulong HashOfZeros(ulong length) => NativeTarget.Hash(new byte[length]);
}
