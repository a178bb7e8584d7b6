namespace Uffd.Migration;

/// <summary>Says what the switch needs to be known: pages that are missing, pages that are lost, the workload's state.</summary>
internal sealed class SwitchSending(SourceRegions regions)
{
    /// <summary>The most bytes of a workload's state.</summary>
    public const int MaxStateBytes = 16 << 20;

    private const int StateBytes = 48 << 10;

    private readonly HeadWriter _writer = new();

    /// <summary>Sends it, over one link and in this order; the last frame makes the switch.</summary>
    public void Send(FrameWriter to, ReadOnlySpan<byte> state)
    {
        ulong missing = 0, lost = 0;
        foreach (SourceRegion region in regions.All)
        {
            MapMessage.Send(to, _writer, region.Index, MapKind.Missing, region.Pending);
            MapMessage.Send(to, _writer, region.Index, MapKind.Poisoned, region.Unreadable);
            missing += region.Pending.Count;
            lost += region.Unreadable.Count;
        }

        ulong length = (ulong)state.Length;
        for (; state.Length > 0; state = state[Math.Min(StateBytes, state.Length)..])
        {
            to.Write(FrameType.State, state[..Math.Min(StateBytes, state.Length)]);
        }

        _writer.Clear();
        to.Write(FrameType.Switch, _writer.UInt64(missing).UInt64(lost).UInt64(length).Written);
    }
}
