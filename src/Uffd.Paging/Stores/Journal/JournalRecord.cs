using System.Buffers.Binary;

namespace Uffd.Paging;

/// <summary>The commit record: every page of a commit, its place in the journal and the checksum of its bytes. docs/journal.md has the bytes.</summary>
internal static class JournalRecord
{
    // A multiple of an entry's size and of a block's.
    private const int BufferBytes = 64 << 10;

    private static ReadOnlySpan<byte> Magic => "UFFDCMIT"u8;

    /// <summary>Writes a record.</summary>
    /// <param name="file">The journal.</param>
    /// <param name="block">Where.</param>
    /// <param name="entries">In order of pages.</param>
    /// <exception cref="IOException">Not all was written.</exception>
    public static JournalRecordPlace Write(IJournalFile file, uint block, ReadOnlySpan<JournalEntry> entries)
    {
        byte[] buffer = new byte[BufferBytes];
        Magic.CopyTo(buffer);
        BinaryPrimitives.WriteUInt64LittleEndian(buffer.AsSpan(8), (ulong)entries.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(buffer.AsSpan(16), block);
        int filled = JournalLayout.RecordHeadBytes;
        uint crc = Crc32C.Start;
        ulong offset = (ulong)block * JournalLayout.BlockBytes;
        foreach (JournalEntry entry in entries)
        {
            if (filled == buffer.Length)
            {
                Put(buffer.Length);
            }

            Span<byte> bytes = buffer.AsSpan(filled, JournalLayout.RecordEntryBytes);
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, entry.Page);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], entry.Place.Block);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], entry.Place.Checksum);
            filled += JournalLayout.RecordEntryBytes;
        }

        // The rest of the last block is zeros.
        Put((filled + JournalLayout.BlockBytes - 1) / JournalLayout.BlockBytes * JournalLayout.BlockBytes);
        return new JournalRecordPlace(block, (ulong)entries.Length, ~crc);

        void Put(int length)
        {
            crc = Crc32C.Append(crc, buffer.AsSpan(0, filled));
            file.Write(offset, buffer.AsSpan(0, length));
            offset += (ulong)length;
            filled = 0;
            Array.Clear(buffer);
        }
    }

    /// <summary>Reads a record that must be there.</summary>
    /// <param name="file">The journal.</param>
    /// <param name="place">Where, and its checksum.</param>
    /// <param name="storePages">How many pages the store has.</param>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static JournalEntry[] Read(IJournalFile file, JournalRecordPlace place, ulong storePages)
    {
        ulong fileBlocks = file.Length / JournalLayout.BlockBytes;
        if (place.Block < JournalLayout.HeaderBlocks || place.Block > fileBlocks || place.Block > uint.MaxValue
            || place.Pages > storePages || place.Pages > (ulong)Array.MaxLength
            || JournalLayout.RecordBlocks(place.Pages) > fileBlocks - place.Block)
        {
            throw Damaged(file, "it is cut short, or tells of a commit that cannot be");
        }

        byte[] buffer = new byte[BufferBytes];
        var entries = new JournalEntry[place.Pages];
        uint crc = Crc32C.Start;
        ulong offset = place.Block * JournalLayout.BlockBytes;
        int skip = JournalLayout.RecordHeadBytes;
        bool isOne = false;
        ulong left = JournalLayout.RecordBytes(place.Pages);
        for (int done = 0; left > 0;)
        {
            Span<byte> part = buffer.AsSpan(0, (int)Math.Min(left, BufferBytes));
            if (file.Read(offset, part) < part.Length)
            {
                throw Damaged(file, "its commit ends too early");
            }

            crc = Crc32C.Append(crc, part);
            isOne |= skip > 0 && part.StartsWith(Magic);
            offset += (ulong)part.Length;
            left -= (ulong)part.Length;
            for (part = part[skip..], skip = 0; part.Length > 0; part = part[JournalLayout.RecordEntryBytes..])
            {
                entries[done++] = new JournalEntry(
                    BinaryPrimitives.ReadUInt64LittleEndian(part),
                    new JournalPlace(BinaryPrimitives.ReadUInt32LittleEndian(part[8..]), BinaryPrimitives.ReadUInt32LittleEndian(part[12..])));
            }
        }

        if (!isOne || ~crc != place.Checksum)
        {
            throw Damaged(file, "its commit has a wrong checksum");
        }

        return AreSound(entries, place.Block, storePages) ? entries : throw Damaged(file, "its commit has pages that cannot be");
    }

    /// <summary>A needed part of a journal is not what was written. Nothing has been changed because of it.</summary>
    public static InvalidDataException Damaged(IJournalFile file, string how)
        => new($"the journal {file.Name} is damaged: {how}; the store may hold a part of the flush that is in it, so keep both and restore them from a copy");

    private static bool AreSound(JournalEntry[] entries, ulong recordBlock, ulong storePages)
    {
        for (int index = 0; index < entries.Length; index++)
        {
            JournalEntry entry = entries[index];
            if (entry.Page >= storePages || (index > 0 && entry.Page <= entries[index - 1].Page)
                || entry.Place.Block < JournalLayout.HeaderBlocks || entry.Place.Block >= recordBlock)
            {
                return false;
            }
        }

        return true;
    }
}
