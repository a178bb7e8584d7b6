namespace Uffd.Paging;

/// <summary>What a <see cref="FilePageStore"/>'s flush promises.</summary>
public enum FileDurability
{
    /// <summary>What was written survives a loss of power (fdatasync(2)).</summary>
    Synced,

    /// <summary>
    /// A flush does nothing: what was written survives the end of this process, however it ends, and not a loss of power. For what can be made
    /// again.
    /// </summary>
    None,
}
