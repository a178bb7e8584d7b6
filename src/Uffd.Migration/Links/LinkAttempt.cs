using System.Net;
using System.Net.Sockets;

namespace Uffd.Migration;

/// <summary>The connections of a link that is being made. Blocking; disposing it ends what blocks, and closes all that has not been taken.</summary>
internal sealed class LinkAttempt(MigrationTls? tls, string host) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<Socket> _sockets = [];
    private readonly SortedList<int, Stream> _streams = [];
    private bool _isOver;

    /// <summary>Connects to the first of some addresses that can be connected to, and says there which connection it is.</summary>
    /// <returns>The address.</returns>
    public EndPoint ConnectAny(IReadOnlyList<EndPoint> places, LinkPreface preface)
    {
        for (int tried = 0; ; tried++)
        {
            Socket socket = Keep(LinkSockets.Create(places[tried]));
            try
            {
                socket.Connect(places[tried]);
            }
            catch (SocketException) when (tried + 1 < places.Count)
            {
                continue; // the closing waits for the end of the attempt
            }

            Stream stream = new NetworkStream(socket, ownsSocket: true);
            if (tls is not null)
            {
                stream = TlsHandshake.Connect(stream, tls, host);
            }

            stream.Write(preface.Encode());
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_isOver, this);
                _streams.Add(preface.Index, stream);
            }

            return places[tried];
        }
    }

    /// <summary>Waits until the listener has all of them.</summary>
    /// <exception cref="InvalidDataException">What answers is no such listener.</exception>
    public void AwaitAnswers()
    {
        Span<byte> answer = stackalloc byte[LinkPreface.Answer.Length];
        foreach (Stream stream in _streams.Values)
        {
            stream.ReadExactly(answer);
            if (!answer.SequenceEqual(LinkPreface.Answer))
            {
                throw new InvalidDataException("what listens there is something else");
            }
        }
    }

    /// <summary>The link, when it is complete.</summary>
    /// <returns>Null when it has been given up meanwhile.</returns>
    public MigrationLink? Take(Guid session)
    {
        lock (_lock)
        {
            if (_isOver)
            {
                return null;
            }

            _isOver = true;
            var link = new MigrationLink(session, [.. _streams.Values]);
            _ = _sockets.RemoveAll(socket => socket.Connected);
            _streams.Clear();
            return link;
        }
    }

    /// <summary>Closes what has not been taken.</summary>
    public void Dispose()
    {
        IDisposable[] open;
        lock (_lock)
        {
            _isOver = true;
            open = [.. _sockets, .. _streams.Values]; // in this order: a stream is only let go of when nothing waits in it
            _sockets.Clear();
        }

        foreach (IDisposable one in open)
        {
            one.Dispose();
        }
    }

    private Socket Keep(Socket socket)
    {
        lock (_lock)
        {
            if (!_isOver)
            {
                _sockets.Add(socket);
                return socket;
            }
        }

        socket.Dispose();
        throw new ObjectDisposedException(nameof(LinkAttempt));
    }
}
