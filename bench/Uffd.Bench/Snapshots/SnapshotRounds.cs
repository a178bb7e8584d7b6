namespace Uffd.Bench;

/// <summary>What one snapshot by the command took.</summary>
/// <param name="LastStopMs">How long the whole process stood, as the command tells it.</param>
/// <param name="AttachStopMs">How long the thread stood whose userfaultfd was taken.</param>
/// <param name="Seconds">The whole of the command, from its start to its end.</param>
/// <param name="PeakBytes">The command's largest resident memory.</param>
/// <param name="ResidentBefore">The Redis's resident memory when it began.</param>
/// <param name="ResidentPeak">The largest until it had ended.</param>
/// <param name="Rounds">How often it copied.</param>
/// <param name="Writer">What the writer saw.</param>
internal sealed record UffdMeasure(
    double LastStopMs, double AttachStopMs, double Seconds, long PeakBytes, long ResidentBefore, long ResidentPeak, int Rounds, WriterWindow Writer);

/// <summary>What one gcore took.</summary>
/// <param name="Seconds">The whole of the command.</param>
/// <param name="ResidentBefore">The Redis's resident memory when it began.</param>
/// <param name="Writer">What the writer saw: its longest answer is the stop.</param>
internal sealed record GcoreMeasure(double Seconds, long ResidentBefore, WriterWindow Writer);

/// <summary>What one BGSAVE took.</summary>
/// <param name="ForkMs">How long Redis stood in fork(), as it tells itself.</param>
/// <param name="Seconds">Until the file was there.</param>
/// <param name="Writer">What the writer saw.</param>
internal sealed record BgsaveMeasure(double ForkMs, double Seconds, WriterWindow Writer);

/// <summary>One round: each way once, and the writer alone.</summary>
internal sealed record SnapshotRoundMeasure(WriterWindow Alone, UffdMeasure Uffd, GcoreMeasure Gcore, BgsaveMeasure Bgsave, double ForkMs);
