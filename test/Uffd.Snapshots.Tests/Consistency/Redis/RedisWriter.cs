namespace Uffd.Snapshots.Tests;

/// <summary>
/// Writes the sequence into a Redis, on a thread of its own: a few requests at once, and the next ones when all have been answered. Each write changes
/// its value in place (SETRANGE), so that every value stays at its address.
/// </summary>
internal sealed class RedisWriter : IDisposable
{
    private const int Together = 4;

    private readonly RedisConnection _connection;
    private readonly Thread _thread;
    private long _begun = RedisSequence.Keys;
    private long _acknowledged = RedisSequence.Keys;
    private volatile bool _stopping;
    private Exception? _failure;

    private RedisWriter(RedisConnection connection)
    {
        _connection = connection;
        _thread = new Thread(Run) { IsBackground = true, Name = "writer" };
    }

    /// <summary>How many writes may have been done: no later one has been sent.</summary>
    public long Begun => Interlocked.Read(ref _begun);

    /// <summary>How many writes have been done for sure.</summary>
    public long Acknowledged => Interlocked.Read(ref _acknowledged);

    /// <summary>Writes every key once, and goes on from there.</summary>
    /// <param name="server">The server.</param>
    public static RedisWriter Start(RedisServer server)
    {
        RedisConnection connection = server.Connect();

        // In another order than that of the writes: Redis lays values out as they come, and a copy that ran through the memory in
        // the order of the writes would meet the writer once, and look as if it were of that instant.
        for (int key = 0; key < RedisSequence.Keys; key++)
        {
            connection.Add("SET", RedisSequence.Name(key), RedisSequence.Value(RedisSequence.LastTo(key, RedisSequence.Keys)));
        }

        connection.Send();
        for (int key = 0; key < RedisSequence.Keys; key++)
        {
            connection.ReadReply();
        }

        var writer = new RedisWriter(connection);
        writer._thread.Start();
        return writer;
    }

    /// <summary>Waits until the writer has gone on by so many writes.</summary>
    /// <param name="writes">How many.</param>
    public void WaitFor(int writes)
    {
        long until = Acknowledged + writes;
        Assert.True(SpinWait.SpinUntil(() => Acknowledged >= until || _failure is not null, TestTime.Scaled(TimeSpan.FromSeconds(30))), "the writer stands");
        Assert.Null(_failure);
    }

    public void Dispose()
    {
        _stopping = true;
        _thread.Join();
        _connection.Dispose();
    }

    private void Run()
    {
        try
        {
            while (!_stopping)
            {
                long write = _begun;
                for (int index = 0; index < Together; index++)
                {
                    _connection.Add("SETRANGE", RedisSequence.Name(RedisSequence.KeyOf(write + index)), "0", RedisSequence.Value(write + index));
                }

                Interlocked.Exchange(ref _begun, write + Together);
                _connection.Send();
                for (int index = 0; index < Together; index++)
                {
                    _connection.ReadReply();
                    Interlocked.Increment(ref _acknowledged);
                }
            }
        }
        catch (Exception exception)
        {
            _failure = exception;
        }
    }
}
