using System.Buffers.Binary;

namespace Uffd.Paging;

/// <summary>What a journal's header says of it.</summary>
internal enum JournalState : uint
{
    /// <summary>Nothing in it counts.</summary>
    Empty = 0,

    /// <summary>A commit is being written; it counts only if the other header is damaged, which tells that it had been written whole.</summary>
    Prepared = 1,

    /// <summary>A commit was written whole, and the store may have any part of it.</summary>
    Committed = 2,
}

/// <summary>
/// The first two blocks of a journal each hold one of these, written in turn: the valid one with the higher number counts. A write that
/// is cut in the middle damages one, and the other tells what to do. docs/journal.md has the bytes.
/// </summary>
/// <param name="StoreLength">The store's length in bytes.</param>
/// <param name="StoreIdentity">Which store.</param>
/// <param name="Sequence">Which header; each that is written has a higher number than all before.</param>
/// <param name="State">What it says.</param>
/// <param name="Record">Where the commit is; nothing of it matters in the state <see cref="JournalState.Empty"/>.</param>
internal sealed record JournalHeader(ulong StoreLength, Guid StoreIdentity, ulong Sequence, JournalState State, JournalRecordPlace Record)
{
    private const uint Version = 1;
    private const int ChecksumOffset = JournalLayout.BlockBytes - sizeof(uint);

    private static ReadOnlySpan<byte> Magic => "UFFDJRNL"u8;

    /// <summary>Writes it into a block.</summary>
    public void Encode(Span<byte> block)
    {
        block.Clear();
        Magic.CopyTo(block);
        BinaryPrimitives.WriteUInt32LittleEndian(block[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(block[12..], JournalLayout.BlockBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(block[16..], StoreLength);
        StoreIdentity.TryWriteBytes(block[24..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt64LittleEndian(block[40..], Sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(block[48..], (uint)State);
        BinaryPrimitives.WriteUInt32LittleEndian(block[52..], Record.Checksum);
        BinaryPrimitives.WriteUInt64LittleEndian(block[56..], Record.Block);
        BinaryPrimitives.WriteUInt64LittleEndian(block[64..], Record.Pages);
        BinaryPrimitives.WriteUInt32LittleEndian(block[ChecksumOffset..], Crc32C.Of(block[..ChecksumOffset]));
    }

    /// <summary>Reads one.</summary>
    /// <returns>Null when the block is none, or damaged.</returns>
    /// <exception cref="InvalidDataException">It is one of another version.</exception>
    public static JournalHeader? TryDecode(ReadOnlySpan<byte> block, string name)
    {
        if (!block.StartsWith(Magic) || BinaryPrimitives.ReadUInt32LittleEndian(block[ChecksumOffset..]) != Crc32C.Of(block[..ChecksumOffset]))
        {
            return null;
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(block[8..]);
        uint blockBytes = BinaryPrimitives.ReadUInt32LittleEndian(block[12..]);
        if (version != Version || blockBytes != JournalLayout.BlockBytes)
        {
            throw new InvalidDataException($"the journal {name} is of version {version} with pages of {blockBytes} bytes, and only version {Version} with {JournalLayout.BlockBytes} is known: open it with the program that made it");
        }

        uint state = BinaryPrimitives.ReadUInt32LittleEndian(block[48..]);
        return state > (uint)JournalState.Committed
            ? null
            : new JournalHeader(
                BinaryPrimitives.ReadUInt64LittleEndian(block[16..]),
                new Guid(block.Slice(24, 16), bigEndian: true),
                BinaryPrimitives.ReadUInt64LittleEndian(block[40..]),
                (JournalState)state,
                new JournalRecordPlace(
                    BinaryPrimitives.ReadUInt64LittleEndian(block[56..]),
                    BinaryPrimitives.ReadUInt64LittleEndian(block[64..]),
                    BinaryPrimitives.ReadUInt32LittleEndian(block[52..])));
    }
}
