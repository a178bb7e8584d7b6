using System.Diagnostics;
using System.Globalization;

namespace Uffd.Tool.OutOfCore;

/// <summary>What the mapped side took.</summary>
/// <param name="Seconds">From its first access until all it wrote was durable.</param>
/// <param name="IsLimited">Whether its memory was limited as that of the region.</param>
internal sealed record MappedTime(double Seconds, bool IsLimited);

/// <summary>Starts the process of <see cref="MappedWorker"/>, limits its memory where that is possible, and follows it.</summary>
internal static class MappedSide
{
    /// <summary>Memory that its runtime may come to need while it works: given in its favour.</summary>
    private const ulong Slack = 4 << 20;

    public static async Task<MappedTime> RunAsync(OutOfCoreOptions options, string path, CancellationToken cancellation)
    {
        ProcessStartInfo start = options.Self(["demo-mmap", path, Text(options.FileBytes), Text(options.Operations)]);
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.UseShellExecute = false;
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        using MemoryCgroup? group = MemoryCgroup.TryCreate();
        using Process process = Process.Start(start) ?? throw new ToolException(ExitCodes.Failed, $"cannot start {start.FileName}");
        try
        {
            group?.Add(process.Id);
            await ExpectAsync(process, MappedWorker.Ready, cancellation);
            group?.LimitTo(options.LimitBytes + Slack);
            await process.StandardInput.WriteLineAsync("go".AsMemory(), cancellation);
            await process.StandardInput.FlushAsync(cancellation);
            double seconds = await FollowAsync(process, options.Tell, cancellation);
            await process.WaitForExitAsync(cancellation);
            return new MappedTime(seconds, group is not null);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
                process.WaitForExit(TimeSpan.FromSeconds(5));
            }
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static async Task ExpectAsync(Process process, string wanted, CancellationToken cancellation)
    {
        string? line = await process.StandardOutput.ReadLineAsync(cancellation);
        if (!string.Equals(line, wanted, StringComparison.Ordinal))
        {
            throw await EndAsync(process, cancellation);
        }
    }

    private static async Task<double> FollowAsync(Process process, Action<OutOfCoreMoment> tell, CancellationToken cancellation)
    {
        while (await process.StandardOutput.ReadLineAsync(cancellation) is { } line)
        {
            if (line.StartsWith(MappedWorker.At, StringComparison.Ordinal))
            {
                tell(new OutOfCoreMoment(OutOfCorePhase.Map, double.Parse(line[MappedWorker.At.Length..], CultureInfo.InvariantCulture)));
            }
            else if (line.StartsWith(MappedWorker.Done, StringComparison.Ordinal))
            {
                string[] words = line.Split(' ');
                tell(new OutOfCoreMoment(OutOfCorePhase.Map, 1));
                return words[2] is "0"
                    ? double.Parse(words[1], CultureInfo.InvariantCulture)
                    : throw new ToolException(ExitCodes.Failed, $"the mapped file had {words[2]} wrong records: there is nothing to compare with");
            }
        }

        throw await EndAsync(process, cancellation);
    }

    private static async Task<ToolException> EndAsync(Process process, CancellationToken cancellation)
    {
        await process.WaitForExitAsync(cancellation);
        return new ToolException(ExitCodes.Failed, $"the mapped side of the demo ended with status {process.ExitCode}: see above");
    }
}
