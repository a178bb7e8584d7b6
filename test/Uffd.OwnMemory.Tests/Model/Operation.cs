namespace Uffd.Paging.OwnMemory.Tests.Model;

/// <summary>What can be done to a region.</summary>
internal enum OperationKind
{
    Read,
    Write,
    WriteByLease,
    Flush,
    Reopen,
    Evict,
    Break,
    Mend,
}

/// <summary>A step of a short history that is made smaller until nothing can be left out of it.</summary>
/// <param name="Kind">What.</param>
/// <param name="At">The first byte.</param>
/// <param name="Length">How many.</param>
/// <param name="Value">What is written.</param>
internal sealed record Operation(OperationKind Kind, int At, int Length, byte Value);
