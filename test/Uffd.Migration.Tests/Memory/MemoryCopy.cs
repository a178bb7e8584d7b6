using Uffd.Paging;

namespace Uffd.Migration.Tests.Memory;

/// <summary>What a migration would make of some memory: copies of what was told, by runs, and nothing else.</summary>
internal sealed class MemoryCopy(IMigrationMemory memory)
{
    private readonly List<SourceRange> _written = [];

    /// <summary>The bytes as they came.</summary>
    public byte[] Bytes { get; } = new byte[memory.Length];

    /// <summary>Copies all of it.</summary>
    public void TakeAll() => Copy(new SourceRange(0, memory.Length));

    /// <summary>Asks what was written, and copies that.</summary>
    /// <returns>What it was.</returns>
    public IReadOnlyList<SourceRange> Take()
    {
        _written.Clear();
        memory.TakeWritten(_written);
        _written.ForEach(Copy);
        return [.. _written.OrderBy(range => range.Offset)];
    }

    private void Copy(SourceRange range)
    {
        for (ulong at = range.Offset; at < range.End;)
        {
            SourceRun run = memory.GetRun(at, range.End - at);
            Assert.InRange(run.Length, 1UL, range.End - at);
            Span<byte> bytes = Bytes.AsSpan((int)at, (int)run.Length);
            if (run.Kind == SourceRunKind.Data)
            {
                memory.Read(at, bytes);
            }
            else
            {
                bytes.Clear();
            }

            at += run.Length;
        }
    }
}
