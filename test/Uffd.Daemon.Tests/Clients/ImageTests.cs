using Uffd.Paging;

namespace Uffd.Daemon.Tests.Clients;

/// <summary>Images that fail under the client: an error where the bytes are missing, never zeros, and the rest goes on.</summary>
public sealed class ImageTests
{
    private static readonly ulong Page = TestImage.Page;

    [Fact]
    public async Task Image_cut_short_while_it_is_served_is_SIGBUS_where_it_is_missing()
    {
        using var folder = new TemporaryFolder();
        string path = TestImage.Usual.WriteTo(folder.File("image"));
        using FilePageSource source = FilePageSource.Open(path);
        await using Scene scene = Scene.Start(source: source);
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await scene.AttachAsync(TestImage.Pages);
            await client.VerifyAsync(scene.Image, offset: 20 * Page, length: Page);
            await using (var file = new FileStream(path, FileMode.Open))
            {
                file.SetLength(12 * (long)Page); // behind what the others read
            }

            Assert.Equal(TouchResult.Sigbus, await client.Target.TouchAsync(30 * Page));
            await client.VerifyAsync(scene.Image, offset: 20 * Page, length: Page); // what was there stays
            await client.VerifyAsync(scene.Image, length: 12 * Page);
            DaemonEvent notice = await scene.Log.WaitAsync(
                happened => happened.Kind == DaemonEventKind.Notice && happened.Message.Contains("poisoned", StringComparison.Ordinal), "the poisoned page");
            Assert.Equal(client.ProcessId, notice.ProcessId);
        });
    }

    [Fact]
    public async Task Image_cut_short_is_SIGBUS_also_where_the_background_came_first()
    {
        using var folder = new TemporaryFolder();
        string path = TestImage.Usual.WriteTo(folder.File("image"));
        using FilePageSource source = FilePageSource.Open(path);
        await using Scene scene = Scene.Start(options => options with { BackgroundFill = true }, source);
        await using (var file = new FileStream(path, FileMode.Open))
        {
            file.SetLength(12 * (long)Page);
        }

        await using TestClient client = await scene.AttachAsync(TestImage.Pages);
        Assert.Equal(TouchResult.Sigbus, await client.Target.TouchAsync(30 * Page));
        await client.VerifyAsync(scene.Image, length: 12 * Page);
    }

    [Fact]
    public async Task Image_that_cannot_be_read_is_asked_again_and_then_SIGBUS()
    {
        using var source = new FailingSource(TestImage.Usual);
        await using Scene scene = Scene.Start(source: source);
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await scene.AttachAsync(TestImage.Pages);
            source.FailsFrom = 32 * Page;
            Assert.Equal(TouchResult.Sigbus, await client.Target.TouchAsync(40 * Page));
            await client.VerifyAsync(scene.Image, length: 8 * Page);
            await scene.Log.WaitAsync(happened => happened.Message.Contains("the disk is gone; trying again", StringComparison.Ordinal), "the retry");
            source.FailsFrom = ulong.MaxValue;
            await client.VerifyAsync(scene.Image, offset: 41 * Page); // only the page that was asked for is lost
        });
    }

    [Fact]
    public async Task Image_that_comes_back_in_time_loses_nothing()
    {
        using var source = new FailingSource(TestImage.Usual) { FailsFrom = 0 };
        await using Scene scene = Scene.Start(source: source);
        await using TestClient client = await scene.AttachAsync();
        TargetJob touch = await client.Target.BeginTouchAsync(1, 0);
        await scene.Log.WaitAsync(happened => happened.Message.Contains("trying again", StringComparison.Ordinal), "the retry");
        source.FailsFrom = ulong.MaxValue;
        Assert.Equal(scene.Image.Bytes[0], Assert.Single(await touch.JoinTouchesAsync()).Value);
        await client.VerifyAsync(scene.Image);
    }

    [Fact]
    public async Task Kill_policy_kills_that_client_alone()
    {
        using var source = new FailingSource(TestImage.Usual);
        await using Scene scene = Scene.Start(options => options with { FailurePolicy = FaultFailurePolicy.Terminate }, source);
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await scene.AttachAsync(TestImage.Pages);
            source.FailsFrom = 32 * Page;
            await client.Target.BeginTouchAsync(1, 40 * Page);
            DaemonEvent gone = await scene.Log.WaitAsync(DaemonEventKind.Gone, client.ProcessId);
            Assert.Equal("exited", gone.Message);
            Assert.Contains(scene.Log.Events, happened => happened.Message.Contains("was killed", StringComparison.Ordinal));
        });
    }

    [Fact]
    public async Task Image_that_ends_within_a_page_is_zeros_behind_its_end()
    {
        var image = new TestImage((int)(3 * Page) + 123);
        using var folder = new TemporaryFolder();
        using FilePageSource source = FilePageSource.Open(image.WriteTo(folder.File("image")));
        await using Scene scene = Scene.Start(source: source, image: image);
        await using TestClient client = await scene.AttachAsync(4);
        await client.VerifyAsync(image);
        await using TestClient beyond = await TestClient.StartAsync(5);
        await beyond.HandOverAsync(scene.SocketPath);
        await scene.ExpectRefusalAsync(beyond, "lies beyond the image, which has 12411 bytes");
    }
}
