using Uffd.Migration.Tests.Links;
using Uffd.Paging;

namespace Uffd.Migration.Tests.Serving;

/// <summary>A page server and its clients, and what happens between them.</summary>
public sealed class PageServerTests
{
    [Fact]
    public async Task Client_has_the_regions_and_their_pages()
    {
        await using var served = new ServedPages();
        PageClient client = await served.ConnectAsync();
        Assert.Equal(["first", "second"], client.Regions.Select(region => region.Name), StringComparer.Ordinal);
        Assert.Equal([ServedPages.FirstPages * ServedPages.PageBytes, ServedPages.SecondPages * ServedPages.PageBytes], client.Pages.Select(pages => (int)pages.Length));
        await served.VerifyAsync(client);
        await served.VerifyAsync(client); // as often as they are wanted
        Assert.Equal(new SourceRun(3 * ServedPages.PageBytes, SourceRunKind.Data), client.Pages[0].GetRun(0, 3 * ServedPages.PageBytes));
    }

    [Fact]
    public async Task Several_clients_are_served_at_once_and_let_go()
    {
        await using var served = new ServedPages();
        PageClient[] clients = [await served.ConnectAsync(), await served.ConnectAsync(), await served.ConnectAsync()];
        Assert.Equal(3, served.Server.GetProgress().Count);
        await Task.WhenAll(clients.Select(served.VerifyAsync));
        Task left = served.Server.DrainAsync(TestContext.Current.CancellationToken);
        Assert.False(left.IsCompleted);
        await served.VerifyAsync(clients[1]);
        Array.ForEach(clients, client => client.Dispose());
        await left.WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken);
        IOException refused = await Assert.ThrowsAnyAsync<IOException>(served.ConnectAsync);
        Assert.Contains("closes each connection", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connection_that_breaks_is_made_again_and_its_readers_wait()
    {
        await using var served = new ServedPages();
        PageClient client = await served.ConnectAsync();
        await ServedPages.ReadAsync(client.Pages[0], 0, ServedPages.PageBytes);
        for (int time = 0; time < 3; time++)
        {
            served.Way.Cut(stays: true);
            await served.WaitForAsync(MigrationEventKind.Broken);
            Task reading = served.VerifyAsync(client);
            Assert.False(reading.IsCompleted);
            served.Way.Mend();
            await served.WaitForAsync(MigrationEventKind.Resumed);
            await reading;
        }
    }

    [Fact]
    public async Task Server_that_is_started_again_goes_on_with_its_clients()
    {
        await using var served = new ServedPages();
        PageClient client = await served.ConnectAsync();
        await ServedPages.ReadAsync(client.Pages[1], 0, ServedPages.PageBytes);
        served.Kill();
        await served.WaitForAsync(MigrationEventKind.Broken);
        Task reading = served.VerifyAsync(client);
        served.Start("first", "second");
        await reading;
    }

    [Fact]
    public async Task Client_that_was_forgotten_begins_anew()
    {
        var told = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var served = new ServedPages(new MigrationSourceOptions
        {
            ResumeTimeout = TimeSpan.FromMilliseconds(20),
            Observer = happened =>
            {
                if (happened.Kind == MigrationEventKind.Failed)
                {
                    told.TrySetResult(happened.Message);
                }
            },
        });
        PageClient client = await served.ConnectAsync();
        served.Way.Cut(stays: true);
        Assert.Equal("client 1: did not come back and is forgotten", await told.Task.WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken));
        served.Way.Mend();
        await served.VerifyAsync(client);
    }

    [Fact]
    public async Task Server_of_something_else_is_not_gone_on_with()
    {
        await using var served = new ServedPages();
        PageClient client = await served.ConnectAsync();
        served.Kill();
        await served.WaitForAsync(MigrationEventKind.Broken);
        Task<byte[]> reading = ServedPages.ReadAsync(client.Pages[1], 0, ServedPages.PageBytes);
        served.Start("first", "another");
        MigrationEvent why = await served.WaitForAsync(MigrationEventKind.Broken);
        Assert.False(reading.IsCompleted);
        served.Kill();
        served.Start("first", "second");
        Assert.Equal(served.Second[..ServedPages.PageBytes], await reading);
        Assert.Contains("the connection broke", why.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_that_is_given_up_fails_its_readers_and_never_gives_zeros()
    {
        await using var served = new ServedPages();
        PageClient client = await served.ConnectAsync();
        served.Way.Cut(stays: true);
        await served.WaitForAsync(MigrationEventKind.Broken);
        Task<byte[]> reading = ServedPages.ReadAsync(client.Pages[0], 0, ServedPages.PageBytes);
        Assert.False(reading.IsCompleted);
        client.GiveUp("the host burned down");
        IOException lost = await Assert.ThrowsAnyAsync<IOException>(() => reading);
        Assert.Contains("the host burned down", lost.Message, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<IOException>(() => ServedPages.ReadAsync(client.Pages[1], 0, ServedPages.PageBytes));
        Assert.Equal(SourceRunKind.Poisoned, client.Pages[1].GetRun(0, ServedPages.PageBytes).Kind);
        await Assert.ThrowsAnyAsync<IOException>(() => client.Ended.WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Nobody_to_connect_to_is_an_error()
    {
        await using var served = new ServedPages();
        served.Way.Cut(stays: true);
        await Assert.ThrowsAnyAsync<IOException>(served.ConnectAsync);
    }

    [Fact]
    public async Task Migration_that_copies_first_is_refused_in_words()
    {
        using var pair = new LinkPair("tcp");
        (MigrationLink here, MigrationLink there) = await pair.ConnectAsync(2);
        using var source = new MigrationSource([new StillMemory(MemoryPageSource.FromBytes(new byte[] { 1 }))], null, new Nobody());
        Task<MigrationSummary> moving = source.RunAsync(there, TestContext.Current.CancellationToken);
        Task<PageClient> connecting = PageClient.ConnectAsync((_, _) => Task.FromResult(here), cancellation: TestContext.Current.CancellationToken);
        IOException refused = await Assert.ThrowsAnyAsync<IOException>(() => moving.WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken));
        Assert.Contains("switch at once", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<IOException>(() => connecting.WaitAsync(LinkPair.Patience, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Regions_can_be_had_as_one()
    {
        await using var served = new ServedPages();
        PageClient client = await served.ConnectAsync();
        using var joined = new JoinedPages(client.Pages);
        byte[] whole = [.. served.First, .. served.Second];
        Assert.Equal((ulong)whole.Length, joined.Length);
        Assert.Equal(whole, await ServedPages.ReadAsync(joined, 0, whole.Length));
        int offset = served.First.Length - ServedPages.PageBytes;
        Assert.Equal(whole[offset..(offset + (3 * ServedPages.PageBytes))], await ServedPages.ReadAsync(joined, offset, 3 * ServedPages.PageBytes));
        Assert.Equal((ulong)ServedPages.PageBytes, joined.GetRun((ulong)offset, 1 << 20).Length);
        Assert.Equal(new byte[ServedPages.PageBytes], await ServedPages.ReadAsync(joined, whole.Length, ServedPages.PageBytes));
        Assert.Equal(SourceRunKind.Hole, joined.GetRun((ulong)whole.Length, 4096).Kind);
    }

    private sealed class Nobody : IMigrationWorkload
    {
        public ValueTask<ReadOnlyMemory<byte>> PauseAsync(CancellationToken cancellation) => new(ReadOnlyMemory<byte>.Empty);

        public ValueTask ResumeAsync() => ValueTask.CompletedTask;
    }
}
