using System.Buffers;

namespace Uffd.Migration;

/// <summary>Gathers what comes before the switch is made. On another link it comes anew.</summary>
internal sealed class SwitchReceiving
{
    private readonly ArrayBufferWriter<byte> _state = new();

    /// <summary>The workload's state.</summary>
    public ReadOnlyMemory<byte> State => _state.WrittenMemory;

    public void Reset(IReadOnlyList<DestinationRegion> regions)
    {
        _state.ResetWrittenCount();
        foreach (DestinationRegion region in regions)
        {
            region.Pages.Missing.Clear();
            region.Pages.Poisoned.Clear();
        }
    }

    public static void TakeMap(ReadOnlySpan<byte> head, IReadOnlyList<DestinationRegion> regions)
        => MapMessage.Read(head, (region, kind) => region >= regions.Count ? null
            : kind == MapKind.Missing ? regions[(int)region].Pages.Missing : regions[(int)region].Pages.Poisoned);

    public void TakeState(ReadOnlySpan<byte> piece)
    {
        if (_state.WrittenCount + piece.Length > SwitchSending.MaxStateBytes)
        {
            throw WireException.Violation($"the workload's state is longer than {SwitchSending.MaxStateBytes} bytes");
        }

        _state.Write(piece);
    }

    /// <summary>Checks that nothing of it is missing.</summary>
    public void Finish(ReadOnlySpan<byte> head, IReadOnlyList<DestinationRegion> regions)
    {
        var reader = new HeadReader(head);
        ulong missing = reader.UInt64(), lost = reader.UInt64(), length = reader.UInt64();
        reader.End();
        ulong foundMissing = regions.Aggregate(0UL, (sum, region) => sum + region.Pages.Missing.Count);
        ulong foundLost = regions.Aggregate(0UL, (sum, region) => sum + region.Pages.Poisoned.Count);
        if (missing != foundMissing || lost != foundLost || length != (ulong)_state.WrittenCount)
        {
            throw WireException.Violation("the switch does not fit what was said before it");
        }

        foreach (DestinationRegion region in regions)
        {
            // A page that is both is lost: it is not asked for.
            for (ulong page = 0; region.Pages.Poisoned.TryFindRun(page, region.Pages.Poisoned.Pages, ulong.MaxValue, out ulong first, out ulong count); page = first + count)
            {
                region.Pages.Missing.Remove(first, count);
            }
        }
    }
}
