using System.Diagnostics;
using static Uffd.Snapshots.Tests.Images.ImageStates;

namespace Uffd.Snapshots.Tests.Images;

/// <summary>A writer that is killed leaves the image that was there, whole.</summary>
public sealed class KillTests
{
    private const string Place = "UFFD_TEST_IMAGE";
    private const int Mapped = 2000;

    [Fact(Timeout = 120_000)]
    public async Task Killed_writer_leaves_a_whole_image_or_none()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("image");
        var random = new Random(1);
        for (int round = 0; round < 6; round++)
        {
            bool first = round % 2 == 0; // killed while it writes the first, and while it replaces one by the next
            var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Uffd.Snapshots.Tests"), ["-explicit", "only", "-method", $"{typeof(KillTests).FullName}.{nameof(Writes_images_until_it_is_killed)}"])
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                Environment = { [Place] = path },
            };
            File.Delete(path);
            using Process writer = Process.Start(start)!;
            Task<string> output = writer.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            string begun = path + ".begun";
            while (!File.Exists(first ? begun : path))
            {
                Assert.False(writer.HasExited, "the writer ended before it was killed");
                await Task.Delay(5, TestContext.Current.CancellationToken);
            }

            await Task.Delay(random.Next(60), TestContext.Current.CancellationToken);
            writer.Kill();
            await writer.WaitForExitAsync(TestContext.Current.CancellationToken);
            await output;
            File.Delete(begun);

            // Where it replaced one it may have been killed between link and rename: then the other name has a whole image too.
            foreach (string found in Directory.GetFileSystemEntries(folder.Path))
            {
                using var image = SnapshotImage.Open(found);
                byte[] content = Read(image, 0, Mapped);
                Assert.Equal(Content(Mapped, BitConverter.ToInt32(content)), content);
                File.Delete(found);
            }
        }
    }

    /// <summary>What <see cref="Killed_writer_leaves_a_whole_image_or_none"/> kills.</summary>
    [Fact(Explicit = true)]
    public void Writes_images_until_it_is_killed()
    {
        string? path = Environment.GetEnvironmentVariable(Place);
        Assert.NotNull(path);
        for (int seed = 1; seed < 1000; seed++)
        {
            using var writer = SnapshotImageWriter.Create(path, new SnapshotImageOptions { Threads = 2, Durable = seed % 2 == 0 });
            File.WriteAllText(path + ".begun", "");
            writer.Write(At(0), Content(Mapped, seed));
            writer.Complete(State(Region(0, Mapped)));
        }
    }
}
