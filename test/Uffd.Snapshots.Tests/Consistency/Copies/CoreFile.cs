using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Uffd.Processes;

namespace Uffd.Snapshots.Tests;

/// <summary>
/// The memory in an ELF core file of 64 bits, read in the plainest way: what judges a core shares no code with what writes and reads them.
/// </summary>
internal sealed class CoreFile : ISnapshot
{
    private const int HeaderLength = 64;
    private const int SegmentLength = 56;
    private const uint PT_LOAD = 1;

    private readonly SafeFileHandle _file;
    private readonly List<(ulong Address, ulong Offset, ulong FileLength)> _segments = [];

    private CoreFile(SafeFileHandle file) => _file = file;

    /// <inheritdoc/>
    public string Format => "core";

    /// <inheritdoc/>
    public ProcessState State => new()
    {
        ProcessId = 0,
        Name = "core",
        Threads = [],
        Regions = [.. _segments.Select(segment => new SnapshotRegion(
            new MappedRegion(new AddressRange(segment.Address, segment.FileLength), RegionPermissions.None, 0, 0, 0, ""), RegionContent.Whole))],
    };

    /// <inheritdoc/>
    public IReadOnlyList<string> Parents => [];

    /// <summary>Opens a core file.</summary>
    /// <param name="path">Its path.</param>
    public static CoreFile Open(string path)
    {
        var core = new CoreFile(File.OpenHandle(path));
        byte[] header = core.ReadAt(0, HeaderLength);
        Assert.True(header.AsSpan(0, 4).SequenceEqual("\u007fELF"u8), $"{path} is no ELF file");
        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(32));
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(56));
        for (int index = 0; index < count; index++)
        {
            byte[] segment = core.ReadAt(table + (ulong)(index * SegmentLength), SegmentLength);
            if (BinaryPrimitives.ReadUInt32LittleEndian(segment) == PT_LOAD)
            {
                core._segments.Add((
                    BinaryPrimitives.ReadUInt64LittleEndian(segment.AsSpan(16)),
                    BinaryPrimitives.ReadUInt64LittleEndian(segment.AsSpan(8)),
                    BinaryPrimitives.ReadUInt64LittleEndian(segment.AsSpan(32))));
            }
        }

        core._segments.Sort();
        return core;
    }

    /// <inheritdoc/>
    public IEnumerable<SnapshotRun> GetRuns(AddressRange range)
    {
        foreach ((ulong address, ulong _, ulong length) in _segments)
        {
            AddressRange part = range.Intersect(new AddressRange(address, length));
            if (!part.IsEmpty)
            {
                yield return new SnapshotRun(part, SnapshotPageKind.Stored);
            }
        }
    }

    /// <inheritdoc/>
    public void Read(ulong address, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int index = _segments.FindIndex(segment => address >= segment.Address && address - segment.Address < segment.FileLength);
            if (index < 0)
            {
                throw new EndOfStreamException($"the core does not have 0x{address:x}");
            }

            (ulong start, ulong offset, ulong fileLength) = _segments[index];
            int length = (int)Math.Min((ulong)destination.Length, start + fileLength - address);
            int read = RandomAccess.Read(_file, destination[..length], (long)(offset + (address - start)));
            Assert.True(read > 0, "the core is cut");
            destination = destination[read..];
            address += (ulong)read;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private byte[] ReadAt(ulong offset, int length)
    {
        byte[] bytes = new byte[length];
        Assert.Equal(length, RandomAccess.Read(_file, bytes, (long)offset));
        return bytes;
    }
}
