using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Uffd.Bench;

/// <summary>Memory as programs have it, made up from a seed: the same in each run.</summary>
internal static class SamplePages
{
    private static readonly string[] Words =
        "the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there would their we him been has when who will no more if out so up said what its about than into them can only other time new some could these two may first then do any like my now over such our man me even most made after also did many off before must well back through years where much your way down should because long each just state those people too"
            .Split(' ');

    public static readonly (string Name, Action<byte[], Random> Fill)[] Kinds =
    [
        ("text", Text),
        ("records", Records),
        ("random", (bytes, random) => random.NextBytes(bytes)),
        ("zeros", (bytes, _) => Array.Clear(bytes)),
    ];

    /// <summary>Log lines: words, numbers, and what comes again in each line.</summary>
    private static void Text(byte[] bytes, Random random)
    {
        var text = new StringBuilder();
        while (text.Length < bytes.Length)
        {
            text.Append(CultureInfo.InvariantCulture, $"2026-05-{random.Next(1, 29):00}T{random.Next(24):00}:{random.Next(60):00}:{random.Next(60):00}Z info request={random.Next():x8} ");
            for (var word = random.Next(4, 16); word > 0; word--)
            {
                text.Append(Words[(int)(Words.Length * Math.Pow(random.NextDouble(), 2))]).Append(' ');
            }

            text.Append('\n');
        }

        Encoding.ASCII.GetBytes(text.ToString(0, bytes.Length), bytes);
    }

    /// <summary>A heap: objects with a type, a pointer to a neighbour, small numbers and some bytes that nobody can foresee.</summary>
    private static void Records(byte[] bytes, Random random)
    {
        for (var at = 0; at + 64 <= bytes.Length; at += 64)
        {
            var record = bytes.AsSpan(at, 64);
            record.Clear();
            BinaryPrimitives.WriteInt64LittleEndian(record, 0x7f12_3456_0000 + (random.Next(8) * 0x140));
            BinaryPrimitives.WriteInt64LittleEndian(record[8..], 0x7f00_1000_0000 + (random.Next(1 << 22) * 64L));
            BinaryPrimitives.WriteInt32LittleEndian(record[16..], random.Next(1000));
            BinaryPrimitives.WriteDoubleLittleEndian(record[24..], random.Next(100_000) / 100.0);
            random.NextBytes(record.Slice(40, 8));
        }
    }
}
