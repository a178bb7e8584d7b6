namespace Uffd.Processes;

/// <summary>A reason why a process cannot be taken a userfaultfd from, found without touching it.</summary>
/// <param name="What">One line: what stands in the way.</param>
/// <param name="Remedy">What to do about it, or null where nothing can be done.</param>
/// <param name="IsPermission">Whether a privilege is what is missing.</param>
public sealed record TargetObstacle(string What, string? Remedy, bool IsPermission);
