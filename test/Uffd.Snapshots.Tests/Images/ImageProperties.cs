using FsCheck;
using FsCheck.Fluent;
using static Uffd.Snapshots.Tests.Images.ImageStates;

namespace Uffd.Snapshots.Tests.Images;

/// <summary>Whatever is written, discarded and written again, in chains of images, is what a dictionary says it is.</summary>
public sealed class ImageProperties
{
    private const int Most = 1100; // more than two leaves

    private static readonly Gen<Step> AnyStep =
        from kind in Gen.Frequency((8, Gen.Constant(StepKind.Random)), (3, Gen.Constant(StepKind.Soft)), (2, Gen.Constant(StepKind.Zero)), (2, Gen.Constant(StepKind.Discard)))
        from first in Gen.Frequency((3, Gen.Choose(0, 60)), (1, Gen.Choose(0, Most - 1)))
        from count in Gen.Frequency((4, Gen.Choose(1, 12)), (1, Gen.Choose(1, 300)))
        from seed in Gen.Choose(1, 6) // few: pages become again what they were in a parent
        select new Step(kind, first, Math.Min(count, Most - first), seed);

    private static readonly Gen<ImageCase> AnyImage =
        from steps in AnyStep.ArrayOf(12)
        from regions in Gen.Elements(RegionContent.Whole, RegionContent.Whole, RegionContent.Changed, RegionContent.None).ArrayOf(4)
        from raw in Gen.Elements(false, false, true)
        from threads in Gen.Choose(1, 3)
        from pages in Gen.Elements(1, 4, 16, 32)
        select new ImageCase(steps, regions, raw, threads, pages);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Images_are_what_a_dictionary_says(int depth)
        => Check.One(Config.QuickThrowOnFailure.WithMaxTest(40), Prop.ForAll(AnyImage.ArrayOf(depth).ToArbitrary(), chain => Holds(chain, spoil: false)));

    [Fact]
    public void Page_that_is_not_as_the_dictionary_says_is_found()
        => Assert.ThrowsAny<Exception>(() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(50), Prop.ForAll(AnyImage.ArrayOf(2).ToArbitrary(), chain => Holds(chain, spoil: true))));

    private static bool Holds(ImageCase[] chain, bool spoil)
    {
        using var folder = new TemporaryFolder();
        string? parent = null;
        for (int depth = 0; depth < chain.Length; depth++)
        {
            string path = folder.File($"image{depth}");
            var model = new Dictionary<int, byte[]>();
            Write(path, parent, chain[depth], model);
            if (spoil && model.Count > 0)
            {
                model[model.Keys.Min()] = Content(1, seed: 99);
            }

            using var image = SnapshotImage.Open(path);
            if (image.Parents.Count != depth || !Agrees(image, chain[depth], model))
            {
                return false;
            }

            parent = path;
        }

        return true;
    }

    private static void Write(string path, string? parent, ImageCase written, Dictionary<int, byte[]> model)
    {
        using var writer = SnapshotImageWriter.Create(path, new SnapshotImageOptions { Parent = parent, Durable = false, Threads = written.Threads, Raw = written.Raw, BlockPages = written.BlockPages });
        foreach (Step step in written.Steps)
        {
            byte[] content = step.Content();
            if (step.Kind == StepKind.Discard)
            {
                writer.Discard(Pages(step.First, step.Count));
            }
            else
            {
                writer.Write(At(step.First), content);
            }

            for (int page = 0; page < step.Count; page++)
            {
                model.Remove(step.First + page);
                if (step.Kind != StepKind.Discard)
                {
                    model[step.First + page] = content[(page * Page)..((page + 1) * Page)];
                }
            }
        }

        writer.Complete(State(written.Regions()));
    }

    private static bool Agrees(SnapshotImage image, ImageCase written, Dictionary<int, byte[]> model)
    {
        var kinds = new SnapshotPageKind[Most + 10];
        int next = 0;
        foreach (SnapshotRun run in image.GetRuns(Pages(0, kinds.Length)))
        {
            if (run.Range.Start != At(next))
            {
                return false;
            }

            int count = (int)(run.Range.Length / Page);
            kinds.AsSpan(next, count).Fill(run.Kind);
            next += count;
        }

        return next == kinds.Length && Enumerable.Range(0, kinds.Length).All(page => Agrees(image, page, kinds[page], written.ContentOf(page), model.GetValueOrDefault(page)));
    }

    private static bool Agrees(SnapshotImage image, int page, SnapshotPageKind kind, RegionContent content, byte[]? expected)
    {
        bool zeros = expected?.AsSpan().ContainsAnyExcept((byte)0) == false;
        return (content, expected) switch
        {
            (RegionContent.None, _) => kind == SnapshotPageKind.Absent && IsAbsent(image, page),
            (RegionContent.Changed, null) => kind == SnapshotPageKind.File && IsAbsent(image, page),
            (_, null) => kind == SnapshotPageKind.Zero && !Read(image, page).AsSpan().ContainsAnyExcept((byte)0),
            _ => (zeros ? kind == SnapshotPageKind.Zero : kind is SnapshotPageKind.Stored or SnapshotPageKind.Parent) && Read(image, page).AsSpan().SequenceEqual(expected),
        };
    }

    private static bool IsAbsent(SnapshotImage image, int page)
    {
        try
        {
            Read(image, page);
            return false;
        }
        catch (EndOfStreamException)
        {
            return true;
        }
    }

    private enum StepKind
    {
        Random,
        Soft,
        Zero,
        Discard,
    }

    private sealed record Step(StepKind Kind, int First, int Count, int Seed)
    {
        public byte[] Content() => Kind switch
        {
            StepKind.Random => Bytes(Count * Page, Seed),
            StepKind.Soft => ImageStates.Content(Count, Seed),
            _ => new byte[Count * Page],
        };
    }

    /// <summary>An image: what is written, and four regions of different lengths with a gap behind the second.</summary>
    private sealed record ImageCase(Step[] Steps, RegionContent[] Kept, bool Raw, int Threads, int BlockPages)
    {
        private static readonly (int First, int Count)[] Places = [(0, 40), (40, 100), (150, 700), (850, 250)];

        public SnapshotRegion[] Regions() => [.. Places.Zip(Kept, (place, content) => Region(place.First, place.Count, content, "/x"))];

        public RegionContent ContentOf(int page)
        {
            int index = Array.FindIndex(Places, place => page >= place.First && page < place.First + place.Count);
            return index < 0 ? RegionContent.None : Kept[index];
        }
    }
}
