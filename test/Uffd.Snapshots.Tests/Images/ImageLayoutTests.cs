using System.Buffers.Binary;
using System.Text;
using static Uffd.Snapshots.Tests.Images.ImageStates;

namespace Uffd.Snapshots.Tests.Images;

/// <summary>docs/snapshot-image.md says where each byte is: an image is read here by its tables alone.</summary>
public sealed class ImageLayoutTests
{
    [Fact]
    public void Image_is_laid_out_as_documented()
    {
        using var folder = new TemporaryFolder();
        byte[] content = Bytes(3 * Page, seed: 1);
        string path = folder.File("image");
        using (var writer = SnapshotImageWriter.Create(path, new SnapshotImageOptions { Raw = true, Threads = 1, Durable = false }))
        {
            writer.Write(At(600), content);
            writer.Write(At(605), new byte[Page]);
            writer.Complete(State(Region(600, 10, RegionContent.Changed, "/lib/x.so")));
        }

        byte[] file = File.ReadAllBytes(path);
        Assert.Equal("UFFDSNAP"u8.ToArray(), file[..8]);
        Assert.Equal(1u, Number32(file, 8));
        Assert.Equal((uint)Page, Number32(file, 12));
        Assert.NotEqual(new byte[16], file[16..32]);
        Assert.Equal(new byte[16], file[32..48]);
        Assert.Equal((ulong)file.Length, Number64(file, 48));
        Assert.Equal(1u, Number32(file, 84));
        Assert.Equal(3UL, Number64(file, 88));
        Assert.Equal(0UL, Number64(file, 96));
        Assert.Equal(new byte[20], file[104..124]);
        Assert.Equal(Crc(file.AsSpan(0, 124)), Number32(file, 124));
        RequireLeaf(file, content);
        RequireState(file);
    }

    private static void RequireLeaf(byte[] file, byte[] content)
    {
        ulong offset = Number64(file, 72);
        byte[] leaf = file[(int)offset..((int)offset + (int)Number32(file, 80))];
        ulong number = At(600) / Page;
        Assert.Equal(144 + (3 * 16), leaf.Length);
        Assert.Equal(Crc([.. BitConverter.GetBytes(offset), .. leaf[4..]]), Number32(leaf, 0));
        Assert.Equal((0, 3), (BitConverter.ToUInt16(leaf, 4), BitConverter.ToUInt16(leaf, 6)));
        Assert.Equal(number / 512, Number64(leaf, 8));
        for (int page = 0; page < 512; page++)
        {
            int low = (leaf[16 + (page / 8)] >> (page % 8)) & 1;
            int high = (leaf[80 + (page / 8)] >> (page % 8)) & 1;
            int nth = page - (int)(number % 512);
            Assert.Equal(nth is >= 0 and < 3 ? 1 : nth == 5 ? 3 : 0, low + (2 * high));
        }

        for (int nth = 0; nth < 3; nth++)
        {
            byte[] record = leaf[(144 + (16 * nth))..(160 + (16 * nth))];
            int block = (int)(Number64(record, 0) & 0xffff_ffff_ffff);
            Assert.Equal(128, block); // behind the header
            Assert.Equal((nth, 3), (record[6], record[7]));
            Assert.Equal(0x8000_0000 | (3u * Page), Number32(record, 8));
            byte[] page = file[(block + (nth * Page))..(block + ((nth + 1) * Page))];
            Assert.Equal(content[(nth * Page)..((nth + 1) * Page)], page);
            Assert.Equal(Crc([.. BitConverter.GetBytes(At(600 + nth)), .. page]), Number32(record, 12));
        }
    }

    private static void RequireState(byte[] file)
    {
        int offset = (int)Number64(file, 56);
        byte[] piece = file[offset..(offset + (int)Number64(file, 64))];
        Assert.Equal(Crc([.. BitConverter.GetBytes((ulong)offset), .. piece[4..]]), Number32(piece, 0));
        Assert.Equal((uint)piece.Length - 12, Number32(piece, 4));
        Assert.Equal(0x8000_0000 | ((uint)piece.Length - 12), Number32(piece, 8));
        byte[] state = piece[12..];
        Assert.Equal((1u, 0u, 42u), (Number32(state, 0), Number32(state, 4), Number32(state, 8)));
        Assert.Equal("/lib/x.so", Encoding.UTF8.GetString(state[^9..])); // the last of it
        Assert.Equal(9u, Number32(state, state.Length - 13));
        Assert.Equal(At(600), Number64(state, state.Length - 13 - 48));
        Assert.Equal(10UL * Page, Number64(state, state.Length - 13 - 40));
        Assert.Equal((3u, 2u), (Number32(state, state.Length - 13 - 32), Number32(state, state.Length - 13 - 28)));
    }

    private static uint Number32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private static ulong Number64(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..]);

    /// <summary>CRC-32C bit by bit, as its polynomial says.</summary>
    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte one in bytes)
        {
            crc ^= one;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * 0x82F6_3B78);
            }
        }

        return ~crc;
    }
}
