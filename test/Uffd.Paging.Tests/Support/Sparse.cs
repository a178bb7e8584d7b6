namespace Uffd.Paging.Tests;

/// <summary>Sparse files of the pattern.</summary>
internal static class Sparse
{
    /// <summary>Writes one. Fails where the file system finds its holes in other places.</summary>
    /// <param name="path">Where.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="salt">Which pattern.</param>
    /// <param name="parts">What is data.</param>
    public static void Write(string path, ulong length, ulong salt, params (ulong Offset, ulong Length)[] parts)
    {
        using (FileStream file = File.Create(path))
        {
            file.SetLength((long)length);
            foreach ((ulong offset, ulong partLength) in parts)
            {
                file.Position = (long)offset;
                file.Write(Pattern.Bytes(partLength, salt, offset));
            }
        }

        Requires.Holes(path, parts.Aggregate(0UL, (sum, part) => sum + part.Length));
    }
}
