// A key-value server whose store moves to another process or host while it is used.
//
//   dotnet run -c Release --project samples/KeyValue                                             # a server on port 6400
//   dotnet run -c Release --project samples/KeyValue -- --port 6401 --receive 127.0.0.1:7001     # another one, with no store yet
//   printf 'SET colour green\nGET colour\nMOVE 127.0.0.1:7001 127.0.0.1:6401\nGET colour\n' | nc -N 127.0.0.1 6400
//
// What comes over the network is not asked who it is: for trusted networks only, as it is here. MigrationLinkOptions.Tls has both sides authenticated.
using System.Net.Sockets;
using Uffd.Migration;
using Uffd.Paging;
using Uffd.Samples.KeyValue;

try
{
    ServerOptions options = ServerOptions.Parse(args);
    using KeyValueStore? store = options.Receive is null ? new KeyValueStore(new MemoryPageStore(options.Size)) : null;
    store?.Start();
    using var server = new KeyValueServer(options.Listen, store);
    Console.WriteLine($"listening at {server.Address}");
    if (options.Receive is { } address)
    {
        await ReceiveAsync(address, server, options.Size);
    }

    await Task.Delay(Timeout.Infinite);
    return 0;
}
catch (Exception exception) when (exception is FormatException or IOException or SocketException or PlatformNotSupportedException)
{
    Console.Error.WriteLine($"KeyValue: {exception.Message}");
    return 1;
}

static async Task ReceiveAsync(MigrationAddress address, KeyValueServer server, ulong size)
{
    using MigrationListener listener = MigrationListener.Listen(address);
    Console.WriteLine($"receiving at {listener.Address.Host}:{listener.Address.Port}");
    while (server.Store is null)
    {
        using var receiver = new StoreReceiver(listener, size, store => server.Store = store, moment => Console.WriteLine(moment.Message));
        try
        {
            MigrationSummary summary = await receiver.RunAsync();
            Console.WriteLine($"the store is here: it stood for {summary.Downtime.TotalMilliseconds:0.0} ms, and {server.Store?.Landing?.GetStatistics().Faults} requests waited for a page");
        }
        catch (IOException exception)
        {
            // Before the switch the next one may try; after it, what came answers, and what did not is an error of who asks for it.
            Console.Error.WriteLine($"KeyValue: {exception.Message}");
        }
    }
}
