namespace Uffd.Migration;

/// <summary>
/// The connections that are not of a complete link yet, at most <see cref="Most"/>. When more come the oldest that has said nothing makes room, and where all have spoken the oldest of
/// all: who only occupies places keeps nobody out.
/// </summary>
internal sealed class WaitingConnections : IDisposable
{
    /// <summary>The most that wait.</summary>
    public const int Most = 64;

    private readonly Lock _lock = new();
    private readonly List<WaitingConnection> _waiting = []; // the oldest first
    private bool _isClosed;

    /// <summary>How many wait.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>Takes one in.</summary>
    public void Add(WaitingConnection connection)
    {
        WaitingConnection? dropped = null;
        lock (_lock)
        {
            if (_isClosed)
            {
                dropped = connection;
            }
            else
            {
                if (_waiting.Count >= Most)
                {
                    dropped = _waiting.Find(one => one.Preface is null) ?? _waiting[0];
                    _ = _waiting.Remove(dropped);
                }

                _waiting.Add(connection);
            }
        }

        dropped?.Dispose();
    }

    /// <summary>Closes one.</summary>
    public void Drop(WaitingConnection connection)
    {
        lock (_lock)
        {
            _ = _waiting.Remove(connection);
        }

        connection.Dispose();
    }

    /// <summary>Notes what one said, and looks whether its link is complete.</summary>
    /// <returns>The link's connections, in order, which do not wait any more; null when some are missing.</returns>
    public WaitingConnection[]? Speak(WaitingConnection connection, LinkPreface preface)
    {
        List<WaitingConnection> dropped;
        WaitingConnection[]? complete = null;
        lock (_lock)
        {
            int age = _waiting.IndexOf(connection);
            if (age < 0)
            {
                return null; // it had to make room
            }

            // Of an attempt that came to nothing connections may still be here: nobody is at their other end, or a younger one says the same again.
            connection.Preface = preface;
            List<WaitingConnection> together = _waiting.FindAll(one => one.Preface?.Session == preface.Session);
            dropped = together.FindAll(one => one.IsOutOfTurn || together.Exists(other => _waiting.IndexOf(other) > _waiting.IndexOf(one) && Contradict(one.Preface!.Value, other.Preface!.Value)));
            _ = together.RemoveAll(dropped.Contains);
            _ = _waiting.RemoveAll(dropped.Contains);
            if (together.Count == preface.Count)
            {
                complete = [.. together.OrderBy(one => one.Preface!.Value.Index)];
                _ = _waiting.RemoveAll(together.Contains);
            }
        }

        foreach (WaitingConnection one in dropped)
        {
            one.Dispose();
        }

        return complete;
    }

    /// <summary>Closes all, and those that come later.</summary>
    public void Dispose()
    {
        WaitingConnection[] all;
        lock (_lock)
        {
            _isClosed = true;
            all = [.. _waiting];
            _waiting.Clear();
        }

        foreach (WaitingConnection one in all)
        {
            one.Dispose();
        }
    }

    private static bool Contradict(LinkPreface one, LinkPreface other) => one.Count != other.Count || one.Index == other.Index;
}
