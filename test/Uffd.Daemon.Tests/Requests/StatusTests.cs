using System.Net.Sockets;
using System.Text.Json;
using Uffd.Paging;

namespace Uffd.Daemon.Tests.Requests;

/// <summary>What a daemon tells of itself and its clients.</summary>
public sealed class StatusTests
{
    [Fact]
    public async Task Status_tells_each_client_and_the_totals_keep_who_is_gone()
    {
        await using Scene scene = Scene.Start();
        using StatusClient status = StatusClient.Connect(scene.SocketPath);
        DaemonStatus empty = status.Ask(EventLog.Patience, TestContext.Current.CancellationToken);
        Assert.Equal((Environment.ProcessId, (ulong)scene.Image.Bytes.Length, 1024), (empty.ProcessId, empty.ImageBytes, empty.MaxClients));
        Assert.Empty(empty.Clients);
        await using TestClient first = await scene.AttachAsync();
        await first.VerifyAsync(scene.Image);
        await using (TestClient second = await scene.AttachAsync(4))
        {
            await second.VerifyAsync(scene.Image, length: TestImage.Page);
            DaemonStatus both = status.Ask(EventLog.Patience, TestContext.Current.CancellationToken);
            for (int tries = 0; tries < 1000 && both.Totals.FilledPages < 9; tries++)
            {
                await Task.Delay(1, TestContext.Current.CancellationToken); // counted after the page is there
                both = status.Ask(EventLog.Patience, TestContext.Current.CancellationToken);
            }

            Assert.Equal([first.ProcessId, second.ProcessId], both.Clients.Select(client => client.ProcessId));
            Assert.Equal([1, 2], both.Clients.Select(client => client.Number));
            Assert.All(both.Clients, client => Assert.StartsWith("target", client.Name, StringComparison.Ordinal));
            AddressSpaceStatistics counts = both.Clients[0].Counts;
            Assert.Equal((8, 8 * 4096, 0), (counts.FilledPages, counts.ResidentBytes, counts.PendingPages));
            Assert.InRange(counts.FillLatency.Count, 1, counts.DemandPages);
            Assert.Equal(counts.FillLatency.ToCounts(), scene.Daemon.GetStatus().Clients[0].Counts.FillLatency.ToCounts());
            Assert.Equal(3, both.Clients[1].Counts.PendingPages);
            Assert.Equal(9, both.Totals.FilledPages);
        }

        await scene.Log.WaitAsync(DaemonEventKind.Gone);
        DaemonStatus after = status.Ask(EventLog.Patience, TestContext.Current.CancellationToken);
        Assert.Equal((1, 2, 0), (after.ClientCount, after.AttachedCount, after.RefusedCount));
        Assert.Equal((9, 8 * 4096), (after.Totals.FilledPages, after.Totals.ResidentBytes));
        Assert.Equal(after.Totals.DemandPages, after.Totals.FillLatency.Count);
    }

    [Fact]
    public async Task Names_of_the_answer_are_those_that_others_read()
    {
        await using Scene scene = Scene.Start();
        await using TestClient client = await scene.AttachAsync();
        await client.VerifyAsync(scene.Image);
        using var asker = new Asker(scene);
        JsonElement answer = await asker.AskAsync();
        Assert.Equal(
            ["attachedCount", "clientCount", "clients", "imageBytes", "maxClients", "pid", "refusedCount", "seconds", "totals"],
            answer.EnumerateObject().Select(one => one.Name).Order(StringComparer.Ordinal),
            StringComparer.Ordinal);
        JsonElement first = answer.GetProperty("clients")[0];
        Assert.Equal(
            ["client", "counts", "name", "pid", "seconds"],
            first.EnumerateObject().Select(one => one.Name).Order(StringComparer.Ordinal),
            StringComparer.Ordinal);
        Assert.Equal(
            [
                "alreadyPresent", "backgroundPages", "copiedBytes", "demandPages", "duplicateFaults", "events", "faults", "fillLatency", "filledPages", "minorFaults",
                "missingFaults", "outsideFaults", "pendingPages", "poisonedPages", "prefetchHits", "prefetchWaste", "readAheadPages", "removedPages",
                "replayedPages", "residentBytes", "retries", "sharedPages", "sourceFailures", "sourceLatency", "sourceRetries", "totalBytes", "totalPages",
                "writeProtectFaults", "zeroPages",
            ],
            first.GetProperty("counts").EnumerateObject().Select(one => one.Name).Order(StringComparer.Ordinal),
            StringComparer.Ordinal);
        Assert.Equal(
            ["count", "counts", "first", "maxUs", "p50Us", "p99Us"],
            first.GetProperty("counts").GetProperty("fillLatency").EnumerateObject().Select(one => one.Name).Order(StringComparer.Ordinal),
            StringComparer.Ordinal);
    }

    [Fact]
    public async Task Answer_larger_than_the_socket_takes_arrives_whole()
    {
        await using Scene scene = Scene.Start();
        using var channel = FdChannel.Connect(scene.SocketPath);
        var userfaultfds = new List<Userfaultfd>();
        for (ulong count = 1; count <= 200; count++)
        {
            userfaultfds.Add(Userfaultfd.Create());
            byte[] text = RegionDescription.Write([new RegionDescription(count << 30, 4096, 0, 4096)]); // nothing is there, and nobody looks
            channel.Send(text, userfaultfds[^1].Handle);
        }

        await scene.Log.WaitAsync(happened => happened.Client == 200, "the last client");
        userfaultfds.ForEach(one => one.Dispose());
        using StatusClient status = StatusClient.Connect(scene.SocketPath);
        for (int count = 0; count < 3; count++)
        {
            Assert.Equal(200, status.Ask(EventLog.Patience, TestContext.Current.CancellationToken).Clients.Count);
        }
    }

    [Fact]
    public async Task Who_may_not_be_answered_is_told_why()
    {
        await using Scene scene = Scene.Start();
        var askers = Enumerable.Range(0, 64).Select(_ => StatusClient.Connect(scene.SocketPath)).ToList();
        try
        {
            askers.ForEach(one => one.Ask(EventLog.Patience, TestContext.Current.CancellationToken));
            using StatusClient beyond = StatusClient.Connect(scene.SocketPath);
            UffdException refused = Assert.Throws<UffdException>(() => beyond.Ask(EventLog.Patience, TestContext.Current.CancellationToken));
            Assert.Contains("64 connections already", refused.Message, StringComparison.Ordinal);
        }
        finally
        {
            askers.ForEach(one => one.Dispose());
        }
    }

    [Theory]
    [InlineData(null, "did not answer within")]
    [InlineData("", "has closed the connection")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n", "the daemon refused: HTTP/1.1 400")]
    [InlineData("{\"error\":\"no\"}\n", "the daemon refused")]
    [InlineData("{\"pid\":\"x\"}\n", "is no status")]
    [InlineData("{nonsense\n", "is no status")]
    public async Task What_is_no_daemon_is_told(string? answer, string because)
    {
        using var folder = new TemporaryFolder();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(folder.File("other")));
        listener.Listen();
        using StatusClient status = StatusClient.Connect(folder.File("other"));
        using Socket other = await listener.AcceptAsync(TestContext.Current.CancellationToken);
        if (answer is not null)
        {
            other.Send(System.Text.Encoding.UTF8.GetBytes(answer));
            other.Shutdown(SocketShutdown.Both);
        }

        UffdException refused = Assert.Throws<UffdException>(() => status.Ask(TimeSpan.FromMilliseconds(200), TestContext.Current.CancellationToken));
        Assert.Contains(because, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public async Task Waiting_for_an_answer_can_be_given_up()
    {
        using var folder = new TemporaryFolder();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(folder.File("silent")));
        listener.Listen();
        using StatusClient status = StatusClient.Connect(folder.File("silent"));
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        await Assert.ThrowsAsync<OperationCanceledException>(() => Task.Run(() => status.Ask(TimeSpan.FromMinutes(1), soon.Token), TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("plain\n", "plain")]
    [InlineData("a\u001b[31mb\nc\n", "a?[31mb?c")]
    [InlineData("\u202eevil", "?evil")]
    [InlineData("0123456789012345678901234567890123456789", "01234567890123456789012345678901")]
    public void Name_of_a_process_moves_no_cursor(string comm, string name) => Assert.Equal(name, ProcessNames.Clean(comm));
}
