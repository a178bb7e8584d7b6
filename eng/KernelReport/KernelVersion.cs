using System.Text.RegularExpressions;

namespace Uffd.KernelReport;

/// <summary>Versions as kernels and their packages spell them: 6.1.0-56-cloud-amd64, 7.3~rc7-1~exp1.</summary>
internal static partial class KernelVersion
{
    /// <summary>All the numbers at the start.</summary>
    public static Version Parse(string text)
        => Version.TryParse(Numbers().Match(text).Value, out Version? version) ? version : throw new InvalidDataException($"{text} is no version of a kernel");

    /// <summary>The numbers at the start, and a release candidate's count.</summary>
    public static string Bare(string text) => BareForm().Match(text).Value.Replace('~', '-');

    [GeneratedRegex(@"^\d+\.\d+(\.\d+)?", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Numbers();

    [GeneratedRegex(@"^\d+\.\d+(\.\d+)?([~-]rc\d+)?", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex BareForm();
}
