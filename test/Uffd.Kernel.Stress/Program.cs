using Uffd;
using Uffd.Kernel.Stress;

const string SkipMark = "$XunitDynamicSkip$"; // how a requirement of the tests says that it is not met

if (args is ["--help"] or ["-h"])
{
    Console.WriteLine(StressOptions.Usage);
    return 0;
}

try
{
    StressOptions options = StressOptions.Parse(args);
    bool verified = true;
    foreach (StressReport report in Stressor.Run(options))
    {
        Console.WriteLine(report);
        verified &= report.Verified;
    }

    Console.WriteLine(verified ? "verified yes" : "verified NO");
    return verified ? 0 : 1;
}
catch (FormatException exception)
{
    await Console.Error.WriteLineAsync($"{exception.Message}\n{StressOptions.Usage}");
    return 2;
}
catch (Exception exception) when (exception is UffdException { IsUnavailable: true } || exception.Message.StartsWith(SkipMark, StringComparison.Ordinal))
{
    await Console.Error.WriteLineAsync($"cannot be run here: {exception.Message.Replace(SkipMark, "", StringComparison.Ordinal)}");
    return 2;
}
