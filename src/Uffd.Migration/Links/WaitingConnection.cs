using System.Net.Sockets;

namespace Uffd.Migration;

/// <summary>A connection that has been accepted and is not of a complete link yet. It is closed when that takes too long.</summary>
internal sealed class WaitingConnection : IDisposable
{
    private readonly Timer _deadline;
    private Stream _stream;
    private int _isSettled;

    public WaitingConnection(Socket socket, TimeSpan patience)
    {
        Socket = socket;
        _stream = new NetworkStream(socket, ownsSocket: true);
        _deadline = new Timer(static state => ((WaitingConnection)state!).Dispose(), this, patience, Timeout.InfiniteTimeSpan);
    }

    public Socket Socket { get; }

    /// <summary>What it said; null while it has said nothing.</summary>
    public LinkPreface? Preface { get; set; }

    /// <summary>Whether its other end has closed, or says something before it has been answered.</summary>
    public bool IsOutOfTurn
    {
        get
        {
            try
            {
                return Socket.Poll(0, SelectMode.SelectRead);
            }
            catch (Exception exception) when (exception is ObjectDisposedException or SocketException)
            {
                return true;
            }
        }
    }

    /// <summary>Reads what it says first, encrypted where that is wanted. Blocks.</summary>
    public LinkPreface? Greet(MigrationTls? tls)
    {
        if (tls is not null)
        {
            _stream = TlsHandshake.Accept(_stream, tls);
        }

        byte[] bytes = new byte[LinkPreface.Bytes];
        _stream.ReadExactly(bytes);
        return LinkPreface.TryDecode(bytes, out LinkPreface? preface) ? preface : null;
    }

    /// <summary>Tells it that its link is complete.</summary>
    public void Answer() => _stream.Write(LinkPreface.Answer);

    /// <summary>From now on the stream is somebody else's, and no time limit is on it.</summary>
    /// <returns>Null when it has been closed meanwhile.</returns>
    public Stream? Release()
    {
        if (Interlocked.Exchange(ref _isSettled, 1) != 0)
        {
            return null;
        }

        _deadline.Dispose();
        return _stream;
    }

    /// <summary>Closes it, unless it has been released.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isSettled, 1) == 0)
        {
            _deadline.Dispose();
            Socket.Dispose(); // a handshake that waits ends with it
            _stream.Dispose();
        }
    }
}
