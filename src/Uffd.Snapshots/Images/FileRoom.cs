namespace Uffd.Snapshots;

/// <summary>Gives out room in a file that grows, the best fitting of what was given back first. Not for several threads at once.</summary>
internal sealed class FileRoom(ulong start)
{
    private const int Largest = 1 << 30; // of free room that is kept together

    private readonly SortedSet<(int Length, ulong Offset)> _bySize = [];
    private readonly Dictionary<ulong, int> _byStart = [];
    private readonly Dictionary<ulong, int> _byEnd = [];

    /// <summary>Behind all that is in use.</summary>
    public ulong End { get; private set; } = start;

    /// <summary>Bytes before the end that are not in use.</summary>
    public ulong FreeBytes { get; private set; }

    /// <summary>Takes room.</summary>
    public ulong Take(int length)
    {
        if (FreeBytes < (ulong)length || _bySize.Max.Length < length)
        {
            ulong offset = End;
            End += (ulong)length;
            return offset;
        }

        (int free, ulong at) = _bySize.GetViewBetween((length, 0), (int.MaxValue, ulong.MaxValue)).Min;
        Remove(at, free);
        if (free > length)
        {
            Add(at + (ulong)length, free - length);
        }

        return at;
    }

    /// <summary>Gives room back, to be taken together with what is free beside it.</summary>
    public void Return(ulong offset, int length)
    {
        if (_byEnd.TryGetValue(offset, out int before) && before <= Largest - length)
        {
            Remove(offset - (ulong)before, before);
            offset -= (ulong)before;
            length += before;
        }

        if (_byStart.TryGetValue(offset + (ulong)length, out int behind) && behind <= Largest - length)
        {
            Remove(offset + (ulong)length, behind);
            length += behind;
        }

        if (offset + (ulong)length == End)
        {
            End = offset;
            return;
        }

        Add(offset, length);
    }

    private void Add(ulong offset, int length)
    {
        _bySize.Add((length, offset));
        _byStart.Add(offset, length);
        _byEnd.Add(offset + (ulong)length, length);
        FreeBytes += (ulong)length;
    }

    private void Remove(ulong offset, int length)
    {
        _bySize.Remove((length, offset));
        _byStart.Remove(offset);
        _byEnd.Remove(offset + (ulong)length);
        FreeBytes -= (ulong)length;
    }
}
