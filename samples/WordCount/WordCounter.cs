using System.Runtime.InteropServices;

namespace WordCount;

/// <summary>Counts words of ASCII letters, however the text is cut into pieces.</summary>
internal sealed class WordCounter
{
    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _byLetters;
    private readonly char[] _word = new char[64]; // a longer word is counted by its beginning
    private int _length;

    public WordCounter() => _byLetters = _counts.GetAlternateLookup<ReadOnlySpan<char>>();

    public IReadOnlyDictionary<string, int> Counts => _counts;

    /// <summary>Takes the next piece of the text. A word may begin in one and end in another.</summary>
    public void Add(ReadOnlySpan<byte> text)
    {
        foreach (byte letter in text)
        {
            if (char.IsAsciiLetter((char)letter))
            {
                if (_length < _word.Length)
                {
                    _word[_length++] = (char)(letter | 0x20);
                }
            }
            else if (_length > 0)
            {
                End();
            }
        }
    }

    /// <summary>The text has ended, and its last word with it.</summary>
    public void End()
    {
        if (_length > 0)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_byLetters, _word.AsSpan(0, _length), out _)++;
            _length = 0;
        }
    }
}
