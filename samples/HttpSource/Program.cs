// A daemon that serves memory from a web server: pages are fetched when they are touched, and the rest behind them.
//
//   dotnet run --project samples/HttpSource -- /tmp/lazy.sock http://images/vm.mem
using Uffd.Daemon;
using Uffd.Paging;
using Uffd.Samples;

var image = new Uri(args[1]);
var client = new HttpClient();
using HttpResponseMessage head = await client.SendAsync(new HttpRequestMessage(HttpMethod.Head, image));
long length = head.EnsureSuccessStatusCode().Content.Headers.ContentLength ?? throw new IOException($"{image} does not tell its length");

using var source = new RetryingPageSource(new HttpPageSource(client, image, (ulong)length));
using var daemon = new PagerDaemon(new PagerDaemonOptions
{
    SocketPath = args[0],
    Image = source,
    Observer = happened => Console.WriteLine(happened.Message),
});
Console.ReadLine();
