using System.Globalization;

namespace Uffd.Paging.OwnMemory.Tests.Model;

/// <summary>No byte is lost, whatever many threads do at once. A million operations and more; UFFD_MODEL_SEED sets the seed ("random" too).</summary>
public sealed class ModelTests
{
    [Fact]
    public Task Quick_store() => HoldsAsync(new ModelOptions { Seed = ModelOptions.SeedOr(1), Threads = 4, Operations = 120_000, Pages = 1000, LimitPages = 64 });

    [Fact]
    public Task Store_whose_pages_are_used_where_they_are()
        => HoldsAsync(new ModelOptions { Seed = ModelOptions.SeedOr(2), Threads = 3, Operations = 100_000, Pages = 700, LimitPages = 64, IsDirect = true, ReadAheadPages = 16 });

    [Fact]
    public Task Larger_limit_with_reading_ahead()
        => HoldsAsync(new ModelOptions { Seed = ModelOptions.SeedOr(3), Threads = 3, Operations = 110_000, Pages = 5000, LimitPages = 512, ReadAheadPages = 64 });

    [Fact]
    public Task Pages_written_whole()
        => HoldsAsync(new ModelOptions { Seed = ModelOptions.SeedOr(7), Threads = 3, Operations = 40_000, Pages = 2000, LimitPages = 100, PieceBytes = 3 * 4096, ReadAheadPages = 16 });

    [Fact]
    public Task Store_that_is_slow_and_fails()
        => HoldsAsync(new ModelOptions { Seed = ModelOptions.SeedOr(4), Threads = 4, Operations = 10_000, Pages = 1500, LimitPages = 150, DelayEvery = 50, FailureEvery = 400 });

    [Fact]
    public Task Store_of_many_calls_at_once_that_is_slow_and_fails()
        => HoldsAsync(new ModelOptions { Seed = ModelOptions.SeedOr(5), Threads = 6, Operations = 4_000, Pages = 640, LimitPages = 64, ReadAheadPages = 16, Concurrency = 4, DelayEvery = 50, FailureEvery = 400 });

    [Fact]
    public async Task Page_that_is_taken_for_saved_and_was_not_is_found()
    {
        // The control: the bit that says "may have been written" is taken away from a page behind the region's back.
        var options = new ModelOptions { Seed = 6, Threads = 3, Operations = 60_000, Pages = 700, LimitPages = 64, ChangesLimit = false };
        await Assert.ThrowsAsync<ModelException>(() => new ModelRun(options).RunAsync(static region =>
        {
            for (int page = 0; page < region.Pages.Count; page++)
            {
                byte state = region.Pages.Get(page);
                if ((state & PageBits.Dirty) != 0)
                {
                    region.Pages.TryChange(page, state, (byte)(state & ~PageBits.Dirty));
                }
            }
        }));
    }

    /// <summary>UFFD_MODEL_MINUTES=30 with <c>-explicit on</c>: random runs, one after the other, each of which prints what it was when it fails.</summary>
    [Fact(Explicit = true)]
    public async Task Soak()
    {
        double minutes = double.TryParse(Environment.GetEnvironmentVariable("UFFD_MODEL_MINUTES"), CultureInfo.InvariantCulture, out double given) ? given : 5;
        var random = new Random(ModelOptions.SeedOr(Environment.TickCount));
        long operations = 0;
        for (DateTime end = DateTime.UtcNow.AddMinutes(minutes); DateTime.UtcNow < end;)
        {
            int limit = random.Next(64, 513);
            bool isKind = random.Next(2) == 0;
            var options = new ModelOptions
            {
                Seed = random.Next(),
                Threads = random.Next(1, 9),
                Operations = isKind ? 60_000 : 4_000,
                Pages = Math.Min(limit * random.Next(10, 51), 12_000),
                LimitPages = limit,
                PieceBytes = random.Next(3) == 0 ? random.Next(1, 4) * 4096 : 64,
                ReadAheadPages = random.Next(3) * random.Next(64),
                Concurrency = random.Next(3) == 0 ? random.Next(1, 9) : 0,
                IsDirect = random.Next(4) == 0,
                DelayEvery = isKind ? 0 : random.Next(10, 200),
                FailureEvery = isKind ? 0 : random.Next(100, 1000),
            };
            operations += await new ModelRun(options).RunAsync();
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{operations:N0} operations");
    }

    private static async Task HoldsAsync(ModelOptions options)
        => Assert.Equal((long)options.Threads * options.Operations, await new ModelRun(options).RunAsync());
}
