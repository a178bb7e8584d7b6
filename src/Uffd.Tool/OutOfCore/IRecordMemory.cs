namespace Uffd.Tool.OutOfCore;

/// <summary>Where the records are while the demo works on them. Used by several threads at once, which never share a page.</summary>
internal interface IRecordMemory
{
    /// <summary>Copies bytes out.</summary>
    void Read(long offset, Span<byte> destination);

    /// <summary>Copies bytes in.</summary>
    void Write(long offset, ReadOnlySpan<byte> source);

    /// <summary>Makes durable what was written.</summary>
    void Flush();
}
