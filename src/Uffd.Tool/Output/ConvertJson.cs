namespace Uffd.Tool.Output;

/// <summary>The object that <c>uffd convert --json</c> prints. Described in docs/cli.md; add fields, never change one.</summary>
internal sealed record ConvertJson(string File, string Format, long Pages, long Bytes, long FileBytes, double Seconds);
