namespace Uffd.Bench;

/// <summary>A reason why nothing could be measured, in one line.</summary>
internal sealed class BenchException(string message) : Exception(message);
