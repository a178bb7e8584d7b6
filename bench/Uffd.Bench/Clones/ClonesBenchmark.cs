using System.Globalization;
using System.Text.Json;

namespace Uffd.Bench;

/// <summary>
/// Clones of one image that each touch all of it and write a part: what all of them take together, beside what one takes. The pager
/// serves them in the same run, once sharing the image and once copying it.
/// </summary>
internal static class ClonesBenchmark
{
    private const int PageSize = 4096;
    private const int Clones = 8;
    private const int WrittenPercent = 5;

    public static async Task<ClonesReport> RunAsync(long imageSize, CancellationToken cancellation)
    {
        var workplace = Directory.CreateTempSubdirectory("uffd-bench-").FullName;
        try
        {
            var clone = await Baselines.CompileAsync("clone", workplace, cancellation);
            using var image = ImageFile.Create(imageSize, workplace, cancellation);

            // A virtual machine's memory is slow when it is touched for the first time, because its host has to find it.
            await MeasureAsync(clone, image, workplace, share: false, 1, cancellation);
            return new ClonesReport(
                imageSize,
                Clones,
                WrittenPercent,
                await MeasureAsync(clone, image, workplace, share: true, 1, cancellation),
                await MeasureAsync(clone, image, workplace, share: true, Clones, cancellation),
                await MeasureAsync(clone, image, workplace, share: false, 1, cancellation));
        }
        finally
        {
            Directory.Delete(workplace, recursive: true);
        }
    }

    private static async Task<ClonesMeasure> MeasureAsync(
        string program, ImageFile image, string workplace, bool share, int count, CancellationToken cancellation)
    {
        var socket = Path.Combine(workplace, "socket");
        await using var pager = HeldProcess.Start(
            BuildFacts.PagerPath, ["serve", "--socket", socket, "--image", image.Path, .. share ? ["--share"] : Array.Empty<string>()]);
        if (await pager.FirstLineAsync(cancellation) is var ready && !ready.StartsWith("ready ", StringComparison.Ordinal))
        {
            throw new BenchException($"the pager did not begin with 'ready' but with: {ready}");
        }

        var clones = new List<HeldProcess>();
        try
        {
            for (var index = 0; index < count; index++)
            {
                clones.Add(HeldProcess.Start(
                    program,
                    [
                        "--socket", socket, "--size", Text(image.Size), "--order", Text(index + 1), "--seed", Text((long)image.Seed),
                        "--write", Text(image.Size / PageSize * WrittenPercent / 100), .. share ? ["--share"] : Array.Empty<string>(),
                    ]));
            }

            double slowest = 0;
            foreach (var clone in clones)
            {
                using var said = JsonDocument.Parse(await clone.FirstLineAsync(cancellation));
                if (said.RootElement.GetProperty("wrong").GetInt64() is var wrong and > 0)
                {
                    throw new BenchException($"{wrong} pages have the wrong content");
                }

                slowest = Math.Max(slowest, said.RootElement.GetProperty("seconds").GetDouble());
            }

            return new ClonesMeasure(MemoryUse.Measure(pager.Id, [.. clones.Select(clone => clone.Id)], image.Path), slowest);
        }
        finally
        {
            await Task.WhenAll(clones.Select(clone => clone.DisposeAsync().AsTask()));
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
