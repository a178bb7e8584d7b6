using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Uffd.Samples.KeyValue;

/// <summary>A client that goes where the store went. One thread at a time.</summary>
/// <param name="host">Where the server is.</param>
/// <param name="port">Its port.</param>
internal sealed class KeyValueClient(string host, int port) : IDisposable
{
    private const int MostHops = 16;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private Socket? _socket;
    private LineConnection? _lines;
    private string _host = host;
    private int _port = port;

    /// <summary>How often it was told to go elsewhere.</summary>
    public int Moves { get; private set; }

    /// <summary>Sets a value: when this returns the server has acknowledged it.</summary>
    /// <exception cref="IOException">It has not, or has not set it.</exception>
    public void Set(string key, string value)
    {
        string answer = Ask($"SET {key} {value}");
        if (!string.Equals(answer, "OK", StringComparison.Ordinal))
        {
            throw new IOException($"the server does not set {key}: {answer}");
        }
    }

    /// <summary>Gets a value, or null where there is none.</summary>
    /// <exception cref="IOException">The server cannot say.</exception>
    public string? Get(string key) => Value(key, Ask($"GET {key}"));

    /// <summary>Gets many values in one go, from where the last answer came.</summary>
    /// <param name="keys">The keys: at most some hundred, for all are asked before an answer is read.</param>
    /// <exception cref="IOException">The server cannot say.</exception>
    public IReadOnlyList<string?> GetAll(IReadOnlyList<string> keys)
    {
        try
        {
            Connect();
            foreach (string key in keys)
            {
                _lines!.Write(Encoding.UTF8.GetBytes($"GET {key}"));
            }

            _lines!.Flush();
            return [.. keys.Select(key => Value(key, ReadAnswer()))];
        }
        catch (SocketException exception)
        {
            Close();
            throw new IOException($"{_host}:{_port}: {exception.Message}", exception);
        }
    }

    /// <summary>Asks anything, where the store is.</summary>
    /// <returns>The answer's line.</returns>
    /// <exception cref="IOException">There is no answer.</exception>
    public string Ask(string line)
    {
        for (int hops = 0; ; hops++)
        {
            string answer = AskHere(line);
            if (!answer.StartsWith("MOVED ", StringComparison.Ordinal))
            {
                return answer;
            }

            int colon = answer.LastIndexOf(':');
            if (hops == MostHops || colon < 7 || !int.TryParse(answer.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int to))
            {
                throw new IOException($"the server sends its clients elsewhere, and not where anybody could go: {answer}");
            }

            Close();
            _host = answer[6..colon].Trim('[', ']');
            _port = to;
            Moves++;
        }
    }

    public void Dispose() => Close();

    private string AskHere(string line)
    {
        try
        {
            Connect();
            _lines!.Write(Encoding.UTF8.GetBytes(line));
            _lines.Flush();
            return ReadAnswer();
        }
        catch (SocketException exception)
        {
            Close();
            throw new IOException($"{_host}:{_port}: {exception.Message}", exception);
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException)
        {
            Close();
            throw;
        }
    }

    private static string? Value(string key, string answer)
        => answer.StartsWith("VALUE ", StringComparison.Ordinal) ? answer[6..]
            : string.Equals(answer, "NONE", StringComparison.Ordinal) ? null
            : throw new IOException($"the server does not get {key}: {answer}");

    private void Connect()
    {
        if (_lines is null)
        {
            _socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = (int)Patience.TotalMilliseconds };
            _socket.Connect(_host, _port);
            _lines = new LineConnection(_socket);
        }
    }

    private string ReadAnswer()
        => _lines!.TryRead(out ReadOnlySpan<byte> answer) ? Encoding.UTF8.GetString(answer) : throw new IOException($"{_host}:{_port} has closed the connection");

    private void Close()
    {
        _socket?.Dispose();
        _socket = null;
        _lines = null;
    }
}
