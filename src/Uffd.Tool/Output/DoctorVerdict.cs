using Uffd.Diagnostics;

namespace Uffd.Tool.Output;

/// <summary>The last line of the report, the one that most readers want.</summary>
internal static class DoctorVerdict
{
    public static string Of(HostReport report) => report switch
    {
        { PagingWorks: true, FaultScope: UffdFaultScope.UserOnly } => "Paging works here, for faults taken in user mode only.",
        { PagingWorks: true } => "Paging works here.",
        { IsAllowed: true } => "Paging does not work here: the system allows it, and the self test failed.",
        _ => "Paging does not work here: the system does not allow it.",
    };

    /// <summary>The status to end with.</summary>
    public static int ExitCode(HostReport report)
        => report.PagingWorks ? ExitCodes.Done
            : report.IsAllowed ? ExitCodes.Failed
            : ExitCodes.NotAllowed;
}
