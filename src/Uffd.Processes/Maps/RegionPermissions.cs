namespace Uffd.Processes;

/// <summary>What a mapping allows, and whether it is shared (the column <c>rwxp</c> of proc_pid_maps(5)).</summary>
[Flags]
public enum RegionPermissions
{
    /// <summary>Nothing, and private.</summary>
    None = 0,

    /// <summary>Readable.</summary>
    Read = 1,

    /// <summary>Writable.</summary>
    Write = 2,

    /// <summary>Executable.</summary>
    Execute = 4,

    /// <summary>Shared (MAP_SHARED); otherwise private, copied on write.</summary>
    Shared = 8,
}
