using System.Net.Sockets;

namespace Uffd.Samples.KeyValue;

/// <summary>Lines of bytes over a socket. What is written goes out when nothing more has come that is to be answered.</summary>
internal sealed class LineConnection(Socket socket)
{
    private const int MaxLineBytes = 1024;

    private readonly byte[] _in = new byte[16 * MaxLineBytes];
    private readonly byte[] _out = new byte[16 * MaxLineBytes];
    private int _start;
    private int _end;
    private int _written;

    /// <summary>The next line, without its end. Valid until the next call.</summary>
    /// <returns>False when there is none any more.</returns>
    /// <exception cref="InvalidDataException">It is too long.</exception>
    public bool TryRead(out ReadOnlySpan<byte> line)
    {
        int searched = 0;
        while (true)
        {
            int length = _in.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (length >= 0)
            {
                line = _in.AsSpan(_start, searched + length);
                _start += line.Length + 1;
                line = line is [.., (byte)'\r'] ? line[..^1] : line;
                return true;
            }

            searched = _end - _start;
            if (searched > MaxLineBytes)
            {
                throw new InvalidDataException("the line is too long");
            }

            Flush();
            _in.AsSpan(_start, searched).CopyTo(_in);
            _start = 0;
            _end = searched;
            int received = socket.Receive(_in, _end, _in.Length - _end, SocketFlags.None);
            if (received == 0)
            {
                line = default;
                return false;
            }

            _end += received;
        }
    }

    /// <summary>Writes a line of two parts; what is in them of line ends becomes spaces.</summary>
    public void Write(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second = default)
    {
        if (_out.Length - _written <= first.Length + second.Length)
        {
            Flush();
        }

        int room = _out.Length - _written - 1;
        Span<byte> line = _out.AsSpan(_written, Math.Min(room, first.Length + second.Length));
        first[..Math.Min(first.Length, room)].CopyTo(line);
        second[..Math.Min(second.Length, line.Length - Math.Min(first.Length, room))].CopyTo(line[Math.Min(first.Length, room)..]);
        line.Replace((byte)'\n', (byte)' ');
        _written += line.Length;
        _out[_written++] = (byte)'\n';
    }

    public void Flush()
    {
        for (int sent = 0; sent < _written;)
        {
            sent += socket.Send(_out, sent, _written - sent, SocketFlags.None);
        }

        _written = 0;
    }
}
