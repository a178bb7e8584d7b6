namespace Uffd.Bench;

/// <summary>A reason why no memory control group can be had, in one line.</summary>
internal sealed class CgroupException(string message) : Exception(message);
