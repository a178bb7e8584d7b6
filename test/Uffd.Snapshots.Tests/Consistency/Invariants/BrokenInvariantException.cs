namespace Uffd.Snapshots.Tests;

/// <summary>A copy of a process that is not of one instant: it shows what the process never held.</summary>
/// <param name="message">What is wrong with it.</param>
public sealed class BrokenInvariantException(string message) : Exception(message);
