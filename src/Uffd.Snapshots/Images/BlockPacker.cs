using Uffd.Paging;

namespace Uffd.Snapshots;

/// <summary>Packs one block: leaves out what was superseded meanwhile and what the parent has, compresses the rest, writes it, and says where it is.</summary>
/// <param name="file">Where blocks go.</param>
/// <param name="parent">Whose pages are not stored again, or null.</param>
/// <param name="pageSize">Of the process.</param>
/// <param name="gate">Guards the pages and the blocks.</param>
/// <param name="pages">What is known of the pages.</param>
/// <param name="blocks">What is known of the blocks.</param>
internal sealed class BlockPacker(PendingFile file, SnapshotImage? parent, int pageSize, object gate, WrittenPages pages, BlockTable blocks)
{
    /// <summary>Packs a block, writes it, and publishes where its pages are, those that still count.</summary>
    /// <param name="buffer">Its pages. What is in it is undefined then.</param>
    /// <param name="compressor">This thread's, or null.</param>
    /// <param name="packed">Room for a block.</param>
    public void Store(BlockBuffer buffer, IPageCompressor? compressor, Span<byte> packed)
    {
        Span<SlotFate> fates = stackalloc SlotFate[ImageFormat.MaxBlockPages];
        fates = fates[..buffer.Count];
        FindSuperseded(buffer, fates);
        int stored = Gather(buffer, fates);
        ReadOnlySpan<byte> content = buffer.First(stored);

        // What hardly shrinks is left as it is, and is read the faster.
        int length = stored == 0 ? 0 : compressor?.Compress(content, packed[..(content.Length - (content.Length / 16))]) ?? 0;
        bool raw = length == 0;
        ReadOnlySpan<byte> bytes = raw ? content : packed[..length];
        ulong offset = 0;
        if (stored > 0)
        {
            lock (gate)
            {
                offset = blocks.Place(bytes.Length);
            }

            ImageOutput.Write(file, offset, bytes);
        }

        Publish(buffer, fates, offset, bytes.Length, raw, stored);
    }

    /// <summary>A page that was written again, or discarded, while its block waited needs no work.</summary>
    private void FindSuperseded(BlockBuffer buffer, Span<SlotFate> fates)
    {
        lock (gate)
        {
            for (int slot = 0; slot < fates.Length; slot++)
            {
                fates[slot].IsLive = pages[buffer.PageNumbers[slot]].IsAt(buffer.Block, slot);
            }
        }
    }

    /// <summary>Moves the pages that must be stored to the front.</summary>
    /// <returns>How many they are.</returns>
    private int Gather(BlockBuffer buffer, Span<SlotFate> fates)
    {
        int stored = 0;
        for (int slot = 0; slot < fates.Length; slot++)
        {
            ref SlotFate fate = ref fates[slot];
            if (!fate.IsLive)
            {
                continue;
            }

            ulong page = buffer.PageNumbers[slot];
            fate.Checksum = PageChecksum.Of(page * (ulong)pageSize, buffer[slot]);
            fate.IsParents = parent is not null && IsParents(page, fate.Checksum, buffer[slot]);
            if (fate.IsParents)
            {
                continue;
            }

            if (stored != slot)
            {
                buffer[slot].CopyTo(buffer[stored]);
            }

            fate.Slot = stored++;
        }

        return stored;
    }

    private bool IsParents(ulong page, uint checksum, ReadOnlySpan<byte> content)
    {
        try
        {
            return parent!.Has(page, checksum, content);
        }
        catch (InvalidDataException)
        {
            return false; // a page that is damaged in the parent is the more reason to store it here
        }
    }

    private void Publish(BlockBuffer buffer, ReadOnlySpan<SlotFate> fates, ulong offset, int length, bool raw, int stored)
    {
        lock (gate)
        {
            for (int slot = 0; slot < fates.Length; slot++)
            {
                ref WrittenPage known = ref pages[buffer.PageNumbers[slot]];
                if (!fates[slot].IsLive || !known.IsAt(buffer.Block, slot))
                {
                    continue;
                }

                if (fates[slot].IsParents)
                {
                    WrittenPage before = known;
                    known = WrittenPage.Parent;
                    blocks.Release(before);
                }
                else
                {
                    known = WrittenPage.At(buffer.Block, fates[slot].Slot, fates[slot].Checksum);
                }
            }

            blocks.Written(buffer.Block, offset, length, raw, stored);
        }
    }

    private record struct SlotFate(bool IsLive, bool IsParents, int Slot, uint Checksum);
}
