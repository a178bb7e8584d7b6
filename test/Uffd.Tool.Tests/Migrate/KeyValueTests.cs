using System.Net;
using System.Net.Sockets;
using System.Text;
using Uffd.Migration;
using Uffd.Paging;
using Uffd.Samples.KeyValue;

namespace Uffd.Tool.Tests.Migrate;

/// <summary>The sample's server: what it says to lines of all kinds, and what becomes of its store when it moves and when it cannot.</summary>
public sealed class KeyValueTests
{
    private static readonly IPEndPoint Anywhere = new(IPAddress.Loopback, 0);

    [Fact]
    public void Lines_are_answered_in_order()
    {
        RequireOwnMemory();
        using KeyValueStore store = Create();
        using var server = new KeyValueServer(Anywhere, store);
        string key = new('k', 64);
        string value = new('v', 182);
        Assert.Equal(
            [
                "PONG", "NONE", "OK", "VALUE green", "OK", "VALUE ", $"OK", $"VALUE {value}", "VALUE two words", "ERR a key has 1 to 64 bytes", "ERR a key has 1 to 64 bytes",
                "ERR a value has at most 182 bytes", "ERR say SET, GET, PING, STATS or MOVE", "ERR say SET, GET, PING, STATS or MOVE", "ERR say MOVE HOST:PORT [CLIENTS_HOST:PORT]",
                "VALUE sets=4 gets=5 bytes=1048576 faults=0",
            ],
            Talk(
                server,
                $"PING\nGET colour\nSET colour green\r\nGET colour\nSET colour \nGET colour\nSET {key} {value}\nGET {key}\n"
                + $"GET words\nGET \nSET {key}x y\nSET a {value}x\n\nDEL a\nMOVE nowhere\nSTATS\n",
                before: () => store.Set("words"u8, "two words"u8)),
            StringComparer.Ordinal);
    }

    [Fact]
    public void A_line_without_end_is_the_end_of_the_connection_alone()
    {
        RequireOwnMemory();
        using KeyValueStore store = Create();
        using var server = new KeyValueServer(Anywhere, store);
        Assert.Empty(Talk(server, new string('x', 20_000)));
        Assert.Equal(["PONG"], Talk(server, "PING\n"), StringComparer.Ordinal);
    }

    [Fact]
    public void A_full_store_says_so_and_keeps_what_it_has()
    {
        RequireOwnMemory();
        using KeyValueStore store = Create();
        int set = 0;
        while (store.Set(Encoding.ASCII.GetBytes($"key {set}"), Encoding.ASCII.GetBytes($"{set}")))
        {
            set++;
        }

        Assert.InRange(set, 2048, 4096);
        byte[] value = new byte[KeyValueTable.MaxValueBytes];
        for (int key = 0; key < set; key++)
        {
            int length = store.Get(Encoding.ASCII.GetBytes($"key {key}"), value);
            Assert.Equal($"{key}", Encoding.ASCII.GetString(value.AsSpan(0, length)));
        }

        Assert.True(store.Set("key 0"u8, "anew"u8)); // what is there needs no room
    }

    [Fact]
    public void A_server_without_a_store_says_so()
    {
        using var server = new KeyValueServer(Anywhere, store: null);
        Assert.Equal(["PONG", "ERR there is no store here yet", "ERR the store is not here"], Talk(server, "PING\nGET a\nMOVE localhost:1\n"), StringComparer.Ordinal);
    }

    [Fact]
    public async Task It_moves_twice_and_each_server_knows_the_next()
    {
        RequireOwnMemory();
        using KeyValueStore store = Create();
        using var first = new KeyValueServer(Anywhere, store);
        using var second = new KeyValueServer(Anywhere, store: null);
        using var third = new KeyValueServer(Anywhere, store: null);
        using var client = new KeyValueClient("127.0.0.1", first.Address.Port);
        client.Set("colour", "green");
        await MoveAsync(first, second);
        await MoveAsync(second, third);
        Assert.Equal("green", await Task.Run(() => client.Get("colour"), TestContext.Current.CancellationToken));
        Assert.Equal(2, client.Moves);
        client.Set("colour", "blue");
        Assert.Equal(["blue", null], client.GetAll(["colour", "shape"]));
        Assert.Equal([$"MOVED {second.Address}", "PONG", "ERR the store is not here"], Talk(first, "SET colour red\nPING\nMOVE localhost:1\n"), StringComparer.Ordinal);
        Assert.StartsWith("VALUE sets=2 gets=3", Talk(third, "STATS\n").Single(), StringComparison.Ordinal); // counted since the beginning
        second.Store!.Dispose();
        third.Store!.Dispose();
    }

    [Fact]
    public async Task A_store_that_nobody_takes_stays()
    {
        RequireOwnMemory();
        using KeyValueStore store = Create();
        using var server = new KeyValueServer(Anywhere, store);
        using var refusing = MigrationListener.Listen(new MigrationAddress("127.0.0.1", 0, null));
        using var receiver = new StoreReceiver(refusing, maxBytes: 4096, _ => Assert.Fail("it was refused"));
        Task<MigrationSummary> receiving = receiver.RunAsync(TestContext.Current.CancellationToken);
        string answer = await Task.Run(() => Talk(server, $"MOVE {refusing.Address}\n").Single(), TestContext.Current.CancellationToken);
        Assert.StartsWith("ERR ", answer, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<IOException>(() => receiving.WaitAsync(TestTime.Scaled(TimeSpan.FromSeconds(60)), TestContext.Current.CancellationToken));
        Assert.False(receiver.IsStarted);
        Assert.Equal(["OK", "VALUE green"], Talk(server, "SET colour green\nGET colour\n"), StringComparer.Ordinal);
    }

    private static KeyValueStore Create()
    {
        var store = new KeyValueStore(new MemoryPageStore(1 << 20));
        store.Start();
        return store;
    }

    private static async Task MoveAsync(KeyValueServer from, KeyValueServer to)
    {
        using var listener = MigrationListener.Listen(new MigrationAddress("127.0.0.1", 0, null));
        using var receiver = new StoreReceiver(listener, 1 << 20, store => to.Store = store);
        Task<MigrationSummary> receiving = receiver.RunAsync(TestContext.Current.CancellationToken);
        string answer = await Task.Run(() => Talk(from, $"MOVE {listener.Address} {to.Address}\n").Single(), TestContext.Current.CancellationToken);
        Assert.StartsWith($"OK moved to {to.Address}", answer, StringComparison.Ordinal);
        await receiving.WaitAsync(TestTime.Scaled(TimeSpan.FromSeconds(60)), TestContext.Current.CancellationToken);
    }

    /// <summary>Says all of it at once, and returns what is answered until the other side closes too.</summary>
    private static string[] Talk(KeyValueServer server, string lines, Action? before = null)
    {
        before?.Invoke();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = (int)TestTime.Scaled(TimeSpan.FromSeconds(60)).TotalMilliseconds };
        socket.Connect(server.Address);
        socket.Send(Encoding.ASCII.GetBytes(lines));
        socket.Shutdown(SocketShutdown.Send);
        var answers = new MemoryStream();
        byte[] some = new byte[4096];
        try
        {
            for (int received; (received = socket.Receive(some)) > 0;)
            {
                answers.Write(some, 0, received);
            }
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            // closed with something unread
        }

        string all = Encoding.ASCII.GetString(answers.ToArray());
        return all.Length == 0 ? [] : all[..^1].Split('\n');
    }

    private static void RequireOwnMemory()
    {
        Requires.Paging();
        Requires.Features(UffdFeatures.WriteProtectAsync | UffdFeatures.Sigbus);
    }
}
