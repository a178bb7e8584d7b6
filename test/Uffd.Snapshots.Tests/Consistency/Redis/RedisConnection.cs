using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Uffd.Snapshots.Tests;

/// <summary>A connection to a Redis: requests and replies of its protocol (RESP), and nothing more. For one thread.</summary>
internal sealed class RedisConnection : IDisposable
{
    private readonly Socket _socket;
    private readonly BufferedStream _replies;
    private readonly MemoryStream _requests = new();

    private RedisConnection(Socket socket)
    {
        _socket = socket;
        _replies = new BufferedStream(new NetworkStream(socket), 1 << 16);
    }

    /// <summary>Connects.</summary>
    /// <param name="path">The server's socket.</param>
    public static RedisConnection Connect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 60_000, SendTimeout = 60_000 };
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return new RedisConnection(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Puts a request behind those that wait to be sent.</summary>
    /// <param name="words">The command and its arguments.</param>
    public void Add(params ReadOnlySpan<string> words)
    {
        _requests.Write(Encoding.ASCII.GetBytes($"*{words.Length}\r\n"));
        foreach (string word in words)
        {
            _requests.Write(Encoding.ASCII.GetBytes($"${word.Length}\r\n{word}\r\n"));
        }
    }

    /// <summary>Sends the requests that wait.</summary>
    public void Send()
    {
        for (int sent = 0; sent < _requests.Length;)
        {
            sent += _socket.Send(_requests.GetBuffer().AsSpan(sent, (int)_requests.Length - sent));
        }

        _requests.SetLength(0);
    }

    /// <summary>Reads the next reply, which is no list.</summary>
    /// <exception cref="InvalidOperationException">It is an error.</exception>
    public string ReadReply()
    {
        string line = ReadLine();
        switch (line[0])
        {
            case '+' or ':':
                return line[1..];
            case '$':
                byte[] text = new byte[int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture) + 2];
                _replies.ReadExactly(text);
                return Encoding.ASCII.GetString(text, 0, text.Length - 2);
            default:
                throw new InvalidOperationException($"Redis answered: {line}");
        }
    }

    /// <summary>One request and its reply.</summary>
    /// <param name="words">The command and its arguments.</param>
    public string Ask(params ReadOnlySpan<string> words)
    {
        Add(words);
        Send();
        return ReadReply();
    }

    public void Dispose()
    {
        _replies.Dispose();
        _requests.Dispose();
        _socket.Dispose();
    }

    private string ReadLine()
    {
        var line = new StringBuilder();
        while (true)
        {
            int read = _replies.ReadByte();
            if (read == '\n')
            {
                return line.ToString(0, line.Length - 1);
            }

            line.Append(read >= 0 ? (char)read : throw new EndOfStreamException("Redis closed the connection"));
        }
    }
}
