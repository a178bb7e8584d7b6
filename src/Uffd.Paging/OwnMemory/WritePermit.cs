namespace Uffd.Paging;

/// <summary>Whether a region may be written. Every write looks here.</summary>
internal sealed class WritePermit
{
    private readonly RegionReadOnlyException? _always;
    private volatile RegionReadOnlyException? _refusal;

    /// <param name="always">Why it never may be, or null.</param>
    public WritePermit(RegionReadOnlyException? always)
    {
        _always = always;
        _refusal = always;
    }

    /// <summary>Why not, or null.</summary>
    public RegionReadOnlyException? Refusal => _refusal;

    /// <summary>Whether it never may be.</summary>
    public bool IsNever => _always is not null;

    public void Refuse(RegionReadOnlyException why) => _refusal ??= why;

    public void Grant() => _refusal = _always;
}
