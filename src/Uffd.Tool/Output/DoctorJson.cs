namespace Uffd.Tool.Output;

/// <summary>The object that <c>uffd doctor --json</c> prints.</summary>
internal sealed record DoctorJson(bool PagingWorks);
