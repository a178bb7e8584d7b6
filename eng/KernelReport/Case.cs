using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Uffd.KernelReport;

/// <summary>How a case ended on a kernel.</summary>
internal enum Outcome
{
    Passed,
    Failed,

    /// <summary>The kernel is too old for it, by the version of what is missing.</summary>
    NotSupported,

    /// <summary>Left out for another reason.</summary>
    Skipped,
}

/// <summary>Something a case needs of a kernel.</summary>
/// <param name="Name">The kernel's name for it.</param>
/// <param name="Since">The version that brought it.</param>
internal readonly record struct Need(string Name, string Since)
{
    public override string ToString() => $"{Name} ({Since})";
}

/// <summary>A case on a kernel.</summary>
/// <param name="Group">The class, without the namespace.</param>
/// <param name="Name">The method and its arguments.</param>
/// <param name="Place">Where it is in the sources, to sort by.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Reason">Why it failed or was left out; empty where it passed.</param>
/// <param name="Needs">What the kernel lacks.</param>
internal sealed partial record Case(string Group, string Name, string Place, Outcome Outcome, string Reason, IReadOnlyList<Need> Needs)
{
    private const string LacksPrefix = "not supported: needs ";

    public static Case Read(XElement test, Facts facts)
    {
        string type = Attribute(test, "type");
        string group = type[(type.LastIndexOf('.') + 1)..];
        string name = Attribute(test, "name");
        name = name.StartsWith(type + ".", StringComparison.Ordinal) ? name[(type.Length + 1)..] : name;
        string place = $"{Path.GetFileName(Attribute(test, "source-file"))}:{Attribute(test, "source-line").PadLeft(6, '0')}";
        switch (Attribute(test, "result"))
        {
            case "Pass":
                return new Case(group, name, place, Outcome.Passed, "", []);
            case "Skip":
                string reason = test.Element("reason")?.Value.Trim() ?? "";
                Need[] needs = reason.StartsWith(LacksPrefix, StringComparison.Ordinal)
                    ? [.. NeedForm().Matches(reason[LacksPrefix.Length..]).Select(match => new Need(match.Groups["name"].Value, match.Groups["since"].Value))]
                    : [];

                // Only what the kernel's age explains is excused: a feature of an older version must be there.
                bool explained = needs.Length > 0 && needs.All(need => !facts.Features.Contains(need.Name) && facts.Version < KernelVersion.Parse(need.Since));
                return explained
                    ? new Case(group, name, place, Outcome.NotSupported, reason, needs)
                    : new Case(group, name, place, Outcome.Skipped, reason, []);
            case "Fail":
                return new Case(group, name, place, Outcome.Failed, test.Element("failure")?.Element("message")?.Value.Trim() ?? "without a message", []);
            case var other:
                return new Case(group, name, place, Outcome.Skipped, $"the test program says {other}", []);
        }
    }

    private static string Attribute(XElement element, string name) => element.Attribute(name)?.Value ?? "";

    [GeneratedRegex(@"(?<name>.+?) \(Linux (?<since>\d+\.\d+)\)(, |$)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NeedForm();
}
