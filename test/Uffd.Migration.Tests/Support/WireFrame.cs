using System.Numerics;

namespace Uffd.Migration.Tests.Support;

/// <summary>A frame, whole.</summary>
/// <param name="Type">What it says it is.</param>
/// <param name="Head">What it says.</param>
/// <param name="Data">Content of pages.</param>
internal sealed record WireFrame(byte Type, byte[] Head, byte[] Data)
{
    public WireFrame(FrameType type, params byte[] head)
        : this((byte)type, head, [])
    {
    }

    public static WireFrame Of(FrameType type, Action<HeadWriter> write)
    {
        var writer = new HeadWriter();
        write(writer);
        return new WireFrame(type, writer.Written.ToArray());
    }

    /// <summary>As it goes over a stream, with good checksums.</summary>
    public byte[] ToBytes(uint sequence)
    {
        byte[] bytes = new byte[FrameHeader.Bytes + Head.Length + Data.Length];
        new FrameHeader((FrameType)Type, Head.Length, Data.Length, sequence, Crc(Head)).Write(bytes);
        Head.CopyTo(bytes, FrameHeader.Bytes);
        Data.CopyTo(bytes, FrameHeader.Bytes + Head.Length);
        return bytes;
    }

    /// <summary>CRC-32C, a byte at a time: not the code's own.</summary>
    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return ~crc;
    }

    /// <summary>Takes a stream's bytes apart as far as frames are whole.</summary>
    public static List<WireFrame> Parse(byte[] bytes)
    {
        var frames = new List<WireFrame>();
        for (int at = 0; at + FrameHeader.Bytes <= bytes.Length;)
        {
            FrameHeader header = FrameHeader.Read(bytes.AsSpan(at, FrameHeader.Bytes), (uint)frames.Count);
            at += FrameHeader.Bytes;
            if (header.HeadBytes + header.DataBytes > bytes.Length - at)
            {
                break;
            }

            frames.Add(new WireFrame((byte)header.Type, bytes[at..(at + header.HeadBytes)], bytes[(at + header.HeadBytes)..(at + header.HeadBytes + header.DataBytes)]));
            at += header.HeadBytes + header.DataBytes;
        }

        return frames;
    }
}
