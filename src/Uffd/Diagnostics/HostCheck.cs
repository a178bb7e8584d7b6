namespace Uffd.Diagnostics;

/// <summary>How a check of the host came out.</summary>
public enum HostCheckStatus
{
    /// <summary>As it should be.</summary>
    Good,

    /// <summary>A fact that matters to some uses of paging, and stops none.</summary>
    Note,

    /// <summary>Paging works, but something that many want does not.</summary>
    Limited,

    /// <summary>Paging does not work, and this is why.</summary>
    Failed,
}

/// <summary>One thing that was looked at, with what it means and what to do about it.</summary>
/// <param name="Id">A name that stays the same from version to version: <c>creation.syscall</c>.</param>
/// <param name="Section">The heading it belongs under.</param>
/// <param name="Subject">What was looked at, in a word or two.</param>
/// <param name="Status">How it came out.</param>
/// <param name="Finding">What was found: one line.</param>
/// <param name="Why">Why it matters, or null where the finding says it all: one or two sentences.</param>
/// <param name="Remedy">The command that mends it, to be copied, or null: nothing to mend, or no command can.</param>
public sealed record HostCheck(
    string Id,
    string Section,
    string Subject,
    HostCheckStatus Status,
    string Finding,
    string? Why = null,
    string? Remedy = null);
