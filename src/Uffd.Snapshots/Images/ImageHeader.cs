using System.Buffers.Binary;
using System.Numerics;
using Uffd.Paging;

namespace Uffd.Snapshots;

/// <summary>The first bytes of an image, written last.</summary>
internal readonly record struct ImageHeader
{
    public const int Length = 128;

    private const int ReservedOffset = 112;
    private const int ChecksumOffset = Length - sizeof(uint);

    public required int PageSize { get; init; }

    public required UInt128 Identity { get; init; }

    /// <summary>The parent's identity, or 0.</summary>
    public required UInt128 ParentIdentity { get; init; }

    public required ulong FileLength { get; init; }

    public required ulong StateOffset { get; init; }

    public required ulong StateLength { get; init; }

    public required ulong RootOffset { get; init; }

    public required uint RootLength { get; init; }

    /// <summary>Levels of the index: 0 where it is empty, 1 where its root is a leaf.</summary>
    public required uint Levels { get; init; }

    public required ulong StoredPages { get; init; }

    public required ulong ParentPages { get; init; }

    public static bool IsOne(ReadOnlySpan<byte> bytes) => bytes.Length >= sizeof(ulong) && BinaryPrimitives.ReadUInt64LittleEndian(bytes) == ImageFormat.Magic;

    public void Encode(Span<byte> bytes)
    {
        bytes[..Length].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, ImageFormat.Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], ImageFormat.Version);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], (uint)PageSize);
        BinaryPrimitives.WriteUInt128LittleEndian(bytes[16..], Identity);
        BinaryPrimitives.WriteUInt128LittleEndian(bytes[32..], ParentIdentity);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[48..], FileLength);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[56..], StateOffset);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[64..], StateLength);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[72..], RootOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[80..], RootLength);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[84..], Levels);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[88..], StoredPages);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[96..], ParentPages);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[ChecksumOffset..], Crc32C.Of(bytes[..ChecksumOffset]));
    }

    /// <param name="bytes">As many as there are of <see cref="Length"/>.</param>
    /// <param name="fileLength">How long the file is.</param>
    /// <exception cref="InvalidDataException">It is none, or damaged.</exception>
    public static ImageHeader Decode(ReadOnlySpan<byte> bytes, ulong fileLength)
    {
        if (!IsOne(bytes))
        {
            throw new InvalidDataException("it is no snapshot image");
        }

        if (bytes.Length < Length)
        {
            throw new InvalidDataException("it is cut inside its header");
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        bool intact = BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumOffset..]) == Crc32C.Of(bytes[..ChecksumOffset]);
        if (version != ImageFormat.Version)
        {
            throw new InvalidDataException(intact ? $"it is of version {version} of the format, and this program reads version {ImageFormat.Version}" : "its header is damaged");
        }

        uint pageSize = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
        if (!intact || pageSize is < ImageFormat.MinPageSize or > ImageFormat.MaxPageSize || !BitOperations.IsPow2(pageSize) || bytes[ReservedOffset..ChecksumOffset].ContainsAnyExcept((byte)0))
        {
            throw new InvalidDataException("its header is damaged");
        }

        var header = new ImageHeader
        {
            PageSize = (int)pageSize,
            Identity = BinaryPrimitives.ReadUInt128LittleEndian(bytes[16..]),
            ParentIdentity = BinaryPrimitives.ReadUInt128LittleEndian(bytes[32..]),
            FileLength = BinaryPrimitives.ReadUInt64LittleEndian(bytes[48..]),
            StateOffset = BinaryPrimitives.ReadUInt64LittleEndian(bytes[56..]),
            StateLength = BinaryPrimitives.ReadUInt64LittleEndian(bytes[64..]),
            RootOffset = BinaryPrimitives.ReadUInt64LittleEndian(bytes[72..]),
            RootLength = BinaryPrimitives.ReadUInt32LittleEndian(bytes[80..]),
            Levels = BinaryPrimitives.ReadUInt32LittleEndian(bytes[84..]),
            StoredPages = BinaryPrimitives.ReadUInt64LittleEndian(bytes[88..]),
            ParentPages = BinaryPrimitives.ReadUInt64LittleEndian(bytes[96..]),
        };
        return header.FileLength == fileLength
            ? header.Levels <= IndexNode.MaxLevels && header.IsInside(header.StateOffset, header.StateLength) && header.IsInside(header.RootOffset, header.RootLength)
                ? header
                : throw new InvalidDataException("its header points outside of it")
            : throw new InvalidDataException($"it has {fileLength} bytes and should have {header.FileLength}: it was cut or added to");
    }

    /// <summary>Whether a place lies between the header and the file's end; nothing at 0 does too.</summary>
    public bool IsInside(ulong offset, ulong length)
        => (offset == 0 && length == 0) || (offset >= Length && offset <= FileLength && length <= FileLength - offset);
}
