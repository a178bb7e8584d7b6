using Uffd.Paging;

namespace Uffd.Daemon.Tests.Clients;

/// <summary>An image with a diff over it, served to clients that name any part of it.</summary>
public sealed class LayerTests
{
    private static readonly ulong Page = TestImage.Page;

    [Fact]
    public async Task Clients_see_image_and_diff_as_one()
    {
        const int First = 5;
        const int Count = 11;
        using var folder = new TemporaryFolder();
        TestImage image = new(TestImage.Pages * (int)Page, seed: 2);
        string path = image.WriteTo(folder.File("image"));
        byte[] newer = new TestImage(Count * (int)Page, seed: 3).Bytes;
        await using (FileStream diff = File.Create(folder.File("diff")))
        {
            diff.SetLength(image.Bytes.Length);
            diff.Position = First * (long)Page;
            await diff.WriteAsync(newer, TestContext.Current.CancellationToken);
        }

        newer.CopyTo(image.Bytes, First * (int)Page); // what is expected from here on; the file keeps the older bytes
        using LayeredPageSource source = LayeredPageSource.OpenFiles(path, [folder.File("diff")]);
        Requires.That(source.GetRun(0, (ulong)image.Bytes.Length).Length == First * Page, "a file system with holes of a page");
        await using Scene scene = Scene.Start(source: source, image: image);
        await using TestClient all = await scene.AttachAsync(TestImage.Pages);
        await all.VerifyAsync(image);
        await using TestClient part = await TestClient.StartAsync(4);
        await part.HandOverAsync(scene.SocketPath, TestClient.Describe(part.Range, (First + Count - 2) * Page)); // across the diff's end
        await part.VerifyAsync(image, imageOffset: (First + Count - 2) * Page);
    }
}
