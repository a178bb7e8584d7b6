namespace Uffd.Snapshots.Tests;

/// <summary>Each ring is whole: test/native/invariantlist.c says why, store by store.</summary>
/// <param name="symbols">What the process told.</param>
internal sealed class ListInvariant(IReadOnlyDictionary<string, ulong> symbols) : IInvariant
{
    private const ulong ListBytes = 64;
    private const ulong NodeBytes = 64;
    private const int NodeWords = 8;
    private const ulong Live = 0x4c495645;

    /// <inheritdoc/>
    public void Check(ISnapshot snapshot)
    {
        for (ulong list = 0; list < symbols["list.count"]; list++)
        {
            CheckRing(snapshot, list);
        }
    }

    private void CheckRing(ISnapshot snapshot, ulong list)
    {
        ulong[] header = snapshot.ReadWords(symbols["list.lists"] + (list * ListBytes), ListBytes / sizeof(ulong));
        (ulong head, ulong version, ulong arena, ulong places, ulong nodes) = (header[0], header[1], header[2], header[3], header[4]);
        Expect(places is > 0 and < 1 << 24 && nodes > 0 && nodes < places, list, $"it has {nodes} nodes in {places} places");
        ulong[] words = snapshot.ReadWords(arena, places * NodeWords);

        ulong where = head;
        ulong firstId = 0;
        ulong newest = 0;
        for (ulong met = 0; met < nodes; met++)
        {
            ulong offset = unchecked(where - arena);
            Expect(offset < places * NodeBytes && offset % NodeBytes == 0, list, $"after {met} nodes it leads to 0x{where:x}, where there is none");
            ReadOnlySpan<ulong> node = words.AsSpan((int)(offset / sizeof(ulong)), NodeWords);
            firstId = met == 0 ? node[2] : firstId;
            Expect(node[0] == Live, list, $"after {met} nodes it leads to a spoiled one at 0x{where:x}");
            Expect(node[2] == (firstId + met) % nodes, list, $"node {node[2]} comes where {(firstId + met) % nodes} should");
            Expect(
                node[4] == SnapshotWords.Mix(where ^ SnapshotWords.Mix(node[2] ^ SnapshotWords.Mix(node[3]))),
                list,
                $"node {node[2]} at 0x{where:x} is half of one and half of another");
            newest = Math.Max(newest, node[3]);
            where = node[1];
        }

        Expect(where == head, list, $"it is not closed behind {nodes} nodes");
        Expect(newest == version || newest + 1 == version, list, $"its newest node is of version {newest}, and the list of {version}");
    }

    private static void Expect(bool condition, ulong list, string otherwise)
    {
        if (!condition)
        {
            throw new BrokenInvariantException($"list {list}: {otherwise}");
        }
    }
}
