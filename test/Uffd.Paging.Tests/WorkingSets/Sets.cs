using FsCheck;
using FsCheck.Fluent;

namespace Uffd.Paging.Tests.WorkingSets;

/// <summary>Working sets for tests.</summary>
internal static class Sets
{
    public const ulong Page = 4096;

    /// <summary>The one that docs/working-sets.md writes down.</summary>
    public static WorkingSet Example { get; } = new([Run(3, 2), Run(0), Run(300)], Page, 16 << 20);

    /// <summary>Sets of up to a few dozen runs anywhere in an image, in any order, neighbours among them.</summary>
    public static Arbitrary<WorkingSet> Any { get; } = Arb.From(
        from seed in Gen.Choose(0, int.MaxValue)
        from count in Gen.Choose(0, 60)
        from shift in Gen.Choose(0, 18)
        from isKnown in Gen.Elements(true, false)
        select Make(new Random(seed), count, 1UL << (12 + shift), isKnown, mostPages: 10_000));

    /// <summary>As <see cref="Any"/>, but what a trace with a line a page can hold: not empty, and not too long for a test.</summary>
    public static Arbitrary<WorkingSet> Traceable { get; } = Arb.From(
        from seed in Gen.Choose(0, int.MaxValue)
        from count in Gen.Choose(1, 60)
        from shift in Gen.Choose(0, 2)
        select Make(new Random(seed), count, 1UL << (12 + shift), isKnown: true, mostPages: 100));

    public static SourceRange Run(ulong page, ulong pages = 1) => new(page * Page, pages * Page);

    public static byte[] Encode(WorkingSet set) => WorkingSetEncoding.Encode(set);

    private static WorkingSet Make(Random random, int count, ulong pageSize, bool isKnown, int mostPages)
    {
        var runs = new List<SourceRange>();
        ulong page = 0;
        while (runs.Count < count)
        {
            page += (ulong)random.NextInt64(random.Next(3) == 0 ? 1L << random.Next(1, 30) : 3); // 0: a neighbour
            ulong pages = (ulong)random.Next(1, random.Next(4) == 0 ? mostPages : 3);
            runs.Add(new SourceRange(page * pageSize, pages * pageSize));
            page += pages;
        }

        SourceRange[] mixed = [.. runs];
        random.Shuffle(mixed);
        return new WorkingSet(mixed, pageSize, isKnown && page > 0 ? (page * pageSize) - (ulong)random.Next((int)Page) : 0);
    }
}
