using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Uffd.Tool.Serving;

/// <summary>
/// What an image is called towards clients: its file's name, and a mark that is another when a file was changed or replaced. A client whose server was started again goes on only where
/// both are the same.
/// </summary>
internal static class ImageName
{
    private const int MaxCharacters = 60;
    private const int MarkBytes = 6;

    /// <summary>The name.</summary>
    /// <param name="path">The image.</param>
    /// <param name="diffs">What lies over it.</param>
    public static string Of(string path, IReadOnlyList<string> diffs)
    {
        var facts = new StringBuilder();
        foreach (string one in (string[])[path, .. diffs])
        {
            var file = new FileInfo(one);
            facts.Append(CultureInfo.InvariantCulture, $"{file.Length} {file.LastWriteTimeUtc.Ticks}\n");
        }

        string mark = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(facts.ToString())).AsSpan(0, MarkBytes));
        string name = new([.. Path.GetFileName(path).Select(character => char.IsAsciiLetterOrDigit(character) || character is '.' or '-' or '_' ? character : '_').Take(MaxCharacters)]);
        return $"{name}@{mark}";
    }
}
