using System.Globalization;
using Uffd.Snapshots;

namespace Uffd.Tool.Output;

/// <summary>The object that <c>uffd inspect --json</c> prints. Described in docs/cli.md; add fields, never change one.</summary>
internal sealed record InspectJson(
    string File,
    string Format,
    long FileBytes,
    InspectProcessJson Process,
    IReadOnlyList<InspectThreadJson> Threads,
    IReadOnlyList<InspectMappingJson> Mappings,
    InspectSharesJson Shares,
    double? Compression,
    IReadOnlyList<string> Parents,
    bool? Verified,
    long? VerifiedBytes)
{
    /// <summary>Puts a summary into this shape.</summary>
    public static InspectJson From(InspectSummary summary, long? verifiedBytes) => new(
        summary.Path,
        summary.Format,
        summary.FileBytes,
        InspectProcessJson.From(summary.State),
        [.. summary.State.Threads.Select(thread => new InspectThreadJson(thread.ThreadId, thread.Name))],
        [.. summary.Regions.Select(region => new InspectMappingJson(
            Hex(region.Mapping.Range.Start),
            Hex(region.Mapping.Range.End),
            region.Mapping.Range.Length,
            InspectText.Permissions(region.Mapping.Permissions),
            region.Mapping.Name,
            region.Mapping.Offset,
            region.Content switch { RegionContent.Whole => "whole", RegionContent.Changed => "changed", _ => "none" },
            InspectSharesJson.From(region.Shares)))],
        InspectSharesJson.From(summary.Shares),
        summary.Compression is { } compression ? Math.Round(compression, 4) : null,
        summary.Parents,
        verifiedBytes is null ? null : true,
        verifiedBytes);

    /// <summary>An address: JSON's numbers lose digits in many readers.</summary>
    public static string Hex(ulong address) => string.Create(CultureInfo.InvariantCulture, $"0x{address:x}");
}

internal sealed record InspectProcessJson(
    int Pid, int ParentPid, string Name, string Executable, IReadOnlyList<string> Arguments, uint UserId, uint GroupId, string Machine, int PageSize, string KernelRelease, DateTimeOffset? Taken)
{
    public static InspectProcessJson From(ProcessState state) => new(
        state.ProcessId,
        state.ParentProcessId,
        state.Name,
        state.Executable,
        state.Arguments,
        state.UserId,
        state.GroupId,
        state.Architecture.ToString().ToLowerInvariant(),
        state.PageSize,
        state.KernelRelease,
        state.Taken == default ? null : state.Taken);
}

internal sealed record InspectThreadJson(int Id, string Name);

internal sealed record InspectMappingJson(string Start, string End, ulong Bytes, string Permissions, string Name, ulong Offset, string Content, InspectSharesJson Shares);

internal sealed record InspectSharesJson(ulong StoredBytes, ulong ZeroBytes, ulong ParentBytes, ulong FileBytes, ulong AbsentBytes)
{
    public static InspectSharesJson From(InspectShares shares) => new(shares.Stored, shares.Zero, shares.Parent, shares.File, shares.Absent);
}
