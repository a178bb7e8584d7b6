using System.Globalization;
using Uffd.Diagnostics;

namespace Uffd.Tool.Output;

/// <summary>The report as plain lines of ASCII: one check a line, so that grep and diff have something to hold.</summary>
internal static class DoctorText
{
    /// <summary>Writes it.</summary>
    public static void Write(HostReport report, TextWriter output)
    {
        int subject = report.Checks.Max(check => check.Subject.Length);
        foreach (IGrouping<string, HostCheck> section in report.Checks.GroupBy(check => check.Section, StringComparer.Ordinal))
        {
            output.WriteLine($"{section.Key}:");
            foreach (HostCheck check in section)
            {
                output.WriteLine($"  [{Mark(check.Status)}] {check.Subject.PadRight(subject)}  {check.Finding}");
                WriteDetail(output, check.Why);
                WriteDetail(output, check.Remedy is null ? null : $"$ {check.Remedy}");
                if (report.Features is not null && string.Equals(check.Id, "kernel.features", StringComparison.Ordinal))
                {
                    WriteFeatures(report.FeatureList, output);
                }
            }

            output.WriteLine();
        }

        output.WriteLine(DoctorVerdict.Of(report));
    }

    private static void WriteDetail(TextWriter output, string? text)
    {
        if (text is not null)
        {
            output.WriteLine($"         {text}");
        }
    }

    private static void WriteFeatures(IReadOnlyList<HostFeature> features, TextWriter output)
    {
        int width = features.Max(feature => feature.Info.KernelName.Length);
        foreach (HostFeature feature in features)
        {
            string mark = feature.IsAvailable switch { true => "yes", false => "no ", null => "?  " };
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"         {mark}  {feature.Info.KernelName.PadRight(width)}  {feature.Info.Since}"));
        }
    }

    private static string Mark(HostCheckStatus status) => status switch
    {
        HostCheckStatus.Good => "ok  ",
        HostCheckStatus.Note => "note",
        HostCheckStatus.Limited => "warn",
        _ => "FAIL",
    };
}
