using System.Net;
using System.Net.Sockets;
using System.Text;
using Uffd.Migration;

namespace Uffd.Samples.KeyValue;

/// <summary>
/// Answers lines over TCP: <c>SET key value</c>, <c>GET key</c>, <c>PING</c>, <c>STATS</c>, and <c>MOVE HOST:PORT [CLIENTS_HOST:PORT]</c>, which moves the store to a server that
/// receives there. Each connection has a thread of its own: one that waits for a page then holds up nobody else.
/// </summary>
internal sealed class KeyValueServer : IDisposable
{
    private const int MaxConnections = 1000;
    private const int StackBytes = 256 << 10;

    private readonly Socket _listening;
    private readonly Lock _gate = new();
    private readonly HashSet<Socket> _connections = [];
    private readonly CancellationTokenSource _over = new();
    private volatile KeyValueStore? _store;
    private int _isMoving;

    /// <summary>Listens, and answers at once.</summary>
    /// <param name="address">Where.</param>
    /// <param name="store">What it answers from; null for one that comes later. Not disposed.</param>
    /// <exception cref="SocketException">It cannot listen there.</exception>
    public KeyValueServer(IPEndPoint address, KeyValueStore? store)
    {
        _store = store;
        _listening = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (address.Address.Equals(IPAddress.IPv6Any))
            {
                _listening.DualMode = true;
            }

            _listening.Bind(address);
            _listening.Listen(512);
        }
        catch
        {
            _listening.Dispose();
            throw;
        }

        Address = (IPEndPoint)_listening.LocalEndPoint!;
        new Thread(Accept) { IsBackground = true, Name = "accept" }.Start();
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint Address { get; }

    /// <summary>How many clients are connected.</summary>
    public int Connections
    {
        get
        {
            lock (_gate)
            {
                return _connections.Count;
            }
        }
    }

    /// <summary>How a move is made secure; null for the defaults.</summary>
    public MigrationLinkOptions? Links { get; init; }

    /// <summary>What it answers from: set when a store has come.</summary>
    public KeyValueStore? Store
    {
        get => _store;
        set => _store = value;
    }

    public void Dispose()
    {
        _over.Cancel();
        _listening.Dispose();
        lock (_gate)
        {
            foreach (Socket connection in _connections)
            {
                connection.Dispose();
            }
        }
    }

    private void Accept()
    {
        while (!_over.IsCancellationRequested)
        {
            try
            {
                Socket connection = _listening.Accept();
                connection.NoDelay = true;
                lock (_gate)
                {
                    if (_connections.Count >= MaxConnections || _over.IsCancellationRequested)
                    {
                        connection.Dispose();
                        continue;
                    }

                    _connections.Add(connection);
                }

                new Thread(() => Serve(connection), StackBytes) { IsBackground = true, Name = "connection" }.Start();
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // No descriptors are left, or the client has gone already; or this has ended.
                _over.Token.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(10));
            }
        }
    }

    private void Serve(Socket connection)
    {
        try
        {
            var lines = new LineConnection(connection);
            while (lines.TryRead(out ReadOnlySpan<byte> line))
            {
                Answer(line, lines);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidDataException)
        {
            // The client has gone, or said what is no line.
        }
        finally
        {
            connection.Dispose();
            lock (_gate)
            {
                _connections.Remove(connection);
            }
        }
    }

    private void Answer(ReadOnlySpan<byte> line, LineConnection reply)
    {
        ReadOnlySpan<byte> verb = TakeWord(ref line);
        try
        {
            switch (verb)
            {
                case []:
                    reply.Write("ERR say SET, GET, PING, STATS or MOVE"u8);
                    break;
                case var _ when verb.SequenceEqual("PING"u8):
                    reply.Write("PONG"u8);
                    break;
                case var _ when verb.SequenceEqual("MOVE"u8):
                    reply.Write(Encoding.UTF8.GetBytes(Move(Encoding.UTF8.GetString(line))));
                    break;
                default:
                    AnswerFromStore(verb, line, reply);
                    break;
            }
        }
        catch (IOException exception)
        {
            reply.Write(Encoding.UTF8.GetBytes($"ERR {exception.Message}"));
        }
    }

    private void AnswerFromStore(ReadOnlySpan<byte> verb, ReadOnlySpan<byte> rest, LineConnection reply)
    {
        KeyValueStore? store = _store;
        if (store is null)
        {
            reply.Write("ERR there is no store here yet"u8);
            return;
        }

        if (store.Gate.Enter() is { } answer)
        {
            reply.Write(Encoding.UTF8.GetBytes(answer));
            return;
        }

        try
        {
            AnswerInside(store, verb, rest, reply);
        }
        finally
        {
            store.Gate.Leave();
        }
    }

    private static void AnswerInside(KeyValueStore store, ReadOnlySpan<byte> verb, ReadOnlySpan<byte> rest, LineConnection reply)
    {
        if (verb.SequenceEqual("STATS"u8))
        {
            reply.Write(Encoding.UTF8.GetBytes($"VALUE sets={store.Sets} gets={store.Gets} bytes={store.Length} faults={store.Landing?.GetStatistics().Faults ?? 0}"));
            return;
        }

        ReadOnlySpan<byte> key = TakeWord(ref rest);
        if (key.Length is 0 or > KeyValueTable.MaxKeyBytes)
        {
            reply.Write("ERR a key has 1 to 64 bytes"u8);
        }
        else if (verb.SequenceEqual("GET"u8))
        {
            Span<byte> value = stackalloc byte[KeyValueTable.MaxValueBytes];
            int length = store.Get(key, value);
            if (length < 0)
            {
                reply.Write("NONE"u8);
            }
            else
            {
                reply.Write("VALUE "u8, value[..length]);
            }
        }
        else if (!verb.SequenceEqual("SET"u8))
        {
            reply.Write("ERR say SET, GET, PING, STATS or MOVE"u8);
        }
        else if (rest.Length > KeyValueTable.MaxValueBytes)
        {
            reply.Write("ERR a value has at most 182 bytes"u8);
        }
        else
        {
            reply.Write(store.Set(key, rest) ? "OK"u8 : "ERR the store is full"u8);
        }
    }

    private string Move(string arguments)
    {
        string[] words = arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length is 0 or > 2 || !MigrationAddress.TryParse(words[0], out MigrationAddress? to))
        {
            return "ERR say MOVE HOST:PORT [CLIENTS_HOST:PORT]";
        }

        if (_store is not { } store || store.Gate.Enter() is not null)
        {
            return "ERR the store is not here";
        }

        store.Gate.Leave();
        if (Interlocked.Exchange(ref _isMoving, 1) != 0)
        {
            return "ERR it is moving already";
        }

        try
        {
            string clients = words.Length == 2 ? words[1] : $"{to!.Host}:{Address.Port}"; // on another host, the same port
            using var sender = new StoreSender(store, to!, clients, Links);
            MigrationSummary summary = sender.RunAsync(_over.Token).GetAwaiter().GetResult();
            return $"OK moved to {clients}, stood for {summary.Downtime.TotalMilliseconds:0.0} ms";
        }
        catch (OperationCanceledException)
        {
            return "ERR it was cancelled, and goes on here";
        }
        finally
        {
            Interlocked.Exchange(ref _isMoving, 0);
        }
    }

    private static ReadOnlySpan<byte> TakeWord(ref ReadOnlySpan<byte> rest)
    {
        int space = rest.IndexOf((byte)' ');
        ReadOnlySpan<byte> word = space < 0 ? rest : rest[..space];
        rest = space < 0 ? [] : rest[(space + 1)..];
        return word;
    }
}
