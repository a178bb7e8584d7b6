namespace WordCount;

/// <summary>A text of made-up words, some of them far more frequent than others.</summary>
internal static class Text
{
    private const int Words = 5000;

    /// <summary>Writes one.</summary>
    /// <returns>Its path: a temporary file.</returns>
    public static string Make(long length)
    {
        var random = new Random(1);
        byte[][] words = [.. Enumerable.Range(0, Words).Select(_ => Word(random))];
        string path = Path.GetTempFileName();
        using FileStream file = File.Create(path, bufferSize: 1 << 20);
        while (file.Position < length)
        {
            file.Write(words[(int)(Math.Pow(Words, random.NextDouble()) - 1)]);
            file.WriteByte(random.Next(12) == 0 ? (byte)'\n' : (byte)' ');
        }

        return path;
    }

    private static byte[] Word(Random random) => [.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => (byte)('a' + random.Next(26)))];
}
