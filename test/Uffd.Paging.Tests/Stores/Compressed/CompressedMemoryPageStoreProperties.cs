using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace Uffd.Paging.Tests.Stores;

/// <summary>A compressed store is an array of bytes, whatever is done to it.</summary>
public class CompressedMemoryPageStoreProperties
{
    private const int Page = PackedPages.Page;
    private const int Pages = 40;
    private const int Length = (Pages * Page) - 123;

    private static readonly Gen<Step> AnyStep =
        from write in Gen.Frequency((3, Gen.Constant(true)), (1, Gen.Constant(false)))
        from page in Gen.Choose(0, Pages - 1)
        from count in Gen.Choose(1, 6)
        from seed in Gen.Choose(0, int.MaxValue)
        from entropy in Gen.Frequency((2, Gen.Constant(0)), (6, Gen.Choose(1, 4096)), (2, Gen.Constant(4096)))
        select new Step(write, page, Math.Min(count, Pages - page), seed, entropy);

    [Theory]
    [InlineData(CompressionAlgorithm.Lz4)]
    [InlineData(CompressionAlgorithm.Zstd)]
    public void Behaves_as_an_array(CompressionAlgorithm algorithm)
    {
        Config config = Config.QuickThrowOnFailure
            .WithMaxTest(100)
            .WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(1), FSharpOption<int>.None)));
        FsCheck.Check.One(config, Prop.ForAll(Arb.From(AnyStep.ArrayOf(60)), steps => Holds(steps, algorithm)));
    }

    private static bool Holds(Step[] steps, CompressionAlgorithm algorithm)
    {
        using var store = new CompressedMemoryPageStore(Length, new CompressedMemoryPageStoreOptions { Algorithm = algorithm });
        byte[] model = new byte[Pages * Page];
        foreach (Step step in steps)
        {
            int offset = step.Page * Page;
            if (step.Write)
            {
                byte[] content = [.. Enumerable.Range(0, step.Count).SelectMany(index => PackedPages.Make(unchecked(step.Seed + index), step.Entropy))];
                store.Write((ulong)offset, content);
                content.CopyTo(model, offset);
                Array.Clear(model, Length, model.Length - Length);
            }
            else if (!PackedPages.Read(store, (ulong)(offset + (step.Seed % Page)), step.Entropy + 1).SequenceEqual(Padded(model, offset + (step.Seed % Page), step.Entropy + 1)))
            {
                return false;
            }
        }

        for (int at = 0; at < Length;)
        {
            SourceRun run = store.GetRun((ulong)at, (ulong)(Length - at));
            if ((run.Kind == SourceRunKind.Zero) != (model.AsSpan(at, (int)run.Length).IndexOfAnyExcept((byte)0) < 0))
            {
                return false;
            }

            at += (int)run.Length;
        }

        return PackedPages.Read(store, 0, model.Length).SequenceEqual(model);
    }

    private static byte[] Padded(byte[] model, int offset, int length)
        => [.. model.Skip(offset).Take(length), .. new byte[Math.Max(0, offset + length - Math.Max(offset, model.Length))]];

    private sealed record Step(bool Write, int Page, int Count, int Seed, int Entropy);
}
