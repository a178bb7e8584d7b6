using System.Text.Json;

namespace Uffd.Bench;

/// <summary>
/// Every page of the image touched in random order while the background fill runs, from the handshake to the last page, beside
/// one plain copy of the same bytes.
/// </summary>
internal static class RandomWithFill
{
    private const double Target = 1.3;

    public static async Task MeasureAsync(Workbench bench, Placement placement)
    {
        await using var candidate = await bench.StartPagerAsync(placement, "--background");
        Workbench.Say("background fill: warming up");
        for (var i = 0; i < 3; i++)
        {
            await BulkAsync();
            await SweepAsync(1);
            await bench.RestAsync();
        }

        List<JsonElement> copies = [];
        List<JsonElement> sweeps = [];
        for (var round = 1; round <= bench.Options.Rounds; round++)
        {
            Workbench.Say($"background fill: round {round} of {bench.Options.Rounds}");
            copies.Add(await BulkAsync());
            sweeps.Add(await SweepAsync(round));
        }

        bench.Add(new Figure(
            $"{bench.Options.ImageSize >> 20} MiB in random order, background fill", placement.Name, "one plain UFFDIO_COPY", "ms",
            Workbench.Numbers(copies, "seconds", 1e3), Workbench.Numbers(sweeps, "seconds", 1e3), Target));

        Task<JsonElement> SweepAsync(int order) =>
            bench.TouchAsync(candidate, placement, "sweep", bench.Image.Size, order);

        Task<JsonElement> BulkAsync() =>
            bench.MeasureAsync(bench.Baselines.Bulk, null, "--image", bench.Image.Path, "--warm", $"{bench.Image.Size}");
    }
}
