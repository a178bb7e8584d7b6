using System.Globalization;
using System.Text.RegularExpressions;

namespace Uffd.OwnMemory.Tests;

/// <summary>How a run of the program ended.</summary>
/// <param name="ExitCode">Null when it did not, and was killed.</param>
/// <param name="Output">All it said, and how it was run.</param>
internal sealed record HangResult(int? ExitCode, string Output)
{
    public bool IsHung => ExitCode is null;

    /// <summary>A number that it told last, as <c>name=number</c>.</summary>
    public double this[string name]
    {
        get
        {
            Match match = Regex.Match(Output, $@"(?<![\w-]){Regex.Escape(name)}=([\d.]+)", RegexOptions.RightToLeft, TimeSpan.FromSeconds(1));
            Assert.True(match.Success, $"no {name} in: {Output}");
            return double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        }
    }
}
