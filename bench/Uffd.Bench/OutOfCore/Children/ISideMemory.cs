namespace Uffd.Bench;

/// <summary>The file of records as one side sees it.</summary>
internal interface ISideMemory : IDisposable
{
    long Length { get; }

    Record Read(long number);

    void Write(long number, in Record record);

    /// <summary>Adds up the 64-bit words of a piece.</summary>
    ulong Sum(long offset, int length);

    /// <summary>Makes durable what was written.</summary>
    void Flush();

    /// <summary>How many pages had to be brought so far.</summary>
    long Misses { get; }

    /// <summary>What else the side counts, in one line.</summary>
    string Facts { get; }
}
