namespace Uffd.Migration;

/// <summary>What a frame has of a page.</summary>
internal enum PageKind : byte
{
    /// <summary>Its content.</summary>
    Data = 0,

    /// <summary>It is zeros.</summary>
    Zero = 1,

    /// <summary>It cannot be read at the source.</summary>
    Poisoned = 2,

    /// <summary>It is the base's, and this is the checksum that it has there.</summary>
    Base = 3,
}
