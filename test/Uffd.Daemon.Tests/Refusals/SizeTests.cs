namespace Uffd.Daemon.Tests.Refusals;

/// <summary>Claims that are each allowed and together absurd.</summary>
public sealed class SizeTests
{
    [Theory]
    [InlineData(38, "the regions are together larger than 256 GiB")]
    [InlineData(16, null)] // just below
    public async Task Thousands_of_regions_over_one_large_image_do_not_stop_the_daemon(int shift, string? because)
    {
        using var folder = new TemporaryFolder();
        using (FileStream file = File.Create(folder.File("image")))
        {
            file.SetLength(1L << 38); // a hole
            file.Write(TestImage.Usual.Bytes);
        }

        using var source = Paging.FilePageSource.Open(folder.File("image"));
        await using Scene scene = Scene.Start(source: source);
        await scene.ServesOthersAsync(async () =>
        {
            using var userfaultfd = Userfaultfd.Create();
            using var channel = FdChannel.Connect(scene.SocketPath);
            byte[] text = RegionDescription.Write(Enumerable.Range(0, 60000).Select(index => new RegionDescription((ulong)(index + 1) << shift, 1UL << shift, 0, 4096)));
            await NativeTouch.Run(() =>
            {
                channel.Send(text, userfaultfd.Handle);
                return true;
            });
            DaemonEvent answer = await scene.Log.WaitAsync(because is null ? DaemonEventKind.Attached : DaemonEventKind.Refused, Environment.ProcessId);
            Assert.Contains(because ?? "60000 regions", answer.Message, StringComparison.Ordinal);
        });
    }
}
