using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace Uffd.Paging.Tests.Stores;

/// <summary>Layers of random extents are what a comparison byte by byte says, however they are asked.</summary>
public sealed class LayeredPageSourceProperties
{
    private const int Longest = 400;

    private static readonly Gen<Part> AnyPart =
        from kind in Gen.Frequency((3, Gen.Constant(SourceRunKind.Data)), (5, Gen.Constant(SourceRunKind.Hole)), (1, Gen.Constant(SourceRunKind.Zero)), (1, Gen.Constant(SourceRunKind.Poisoned)))
        from length in Gen.Choose(1, 90)
        select new Part(kind, length);

    private static readonly Gen<LayerCase> AnyLayer =
        from parts in AnyPart.ArrayOf(8)
        from slow in Gen.Elements(0, 0, 3, 9)
        from direct in Gen.Elements(true, false)
        from longest in Gen.Elements(int.MaxValue, 7)
        select new LayerCase(parts, slow, direct, longest);

    private static readonly Gen<(int Offset, int Length)> AnyQuery =
        from offset in Gen.Choose(0, Longest)
        from length in Gen.Choose(1, Longest + 50)
        select (offset, length);

    private static readonly Gen<Case> AnyCase =
        from length in Gen.Choose(1, Longest)
        from count in Gen.Choose(1, 5)
        from layers in AnyLayer.ArrayOf(count)
        from queries in AnyQuery.ArrayOf(20)
        select new Case(length, layers, queries);

    [Fact]
    public void GetRun_tells_every_bytes_kind() => Holds((layered, naive, offset, length) =>
    {
        for (int at = offset, end = Math.Min(offset + length, naive.Length); at < end;)
        {
            SourceRun run = layered.GetRun((ulong)at, (ulong)(end - at));
            if (run.Length == 0 || run.Length > (ulong)(end - at) || !naive.IsAll(run.Kind, at, (int)run.Length))
            {
                return false;
            }

            at += (int)run.Length;
        }

        return true;
    });

    [Fact]
    public void Read_gives_every_byte_or_fails() => Holds((layered, naive, offset, length) =>
    {
        byte[] found = Dirty(length);
        return naive.Agrees(offset, found, () => layered.Read((ulong)offset, found));
    });

    [Fact]
    public void ReadAsync_gives_every_byte_or_fails() => Holds((layered, naive, offset, length) =>
    {
        byte[] found = Dirty(length);
        return naive.Agrees(offset, found, () => layered.ReadAsync((ulong)offset, found, CancellationToken.None).AsTask().GetAwaiter().GetResult());
    });

    [Fact]
    public void Direct_access_is_only_to_the_right_bytes()
    {
        int given = 0;
        Holds((layered, naive, offset, length) =>
        {
            if (layered.GetDirect((ulong)offset, (ulong)length, out ulong address) == DirectAccess.None)
            {
                return true;
            }

            given++;
            return naive.Agrees(offset, NativeTouch.ReadAsync(address, length).Result, () => { });
        });
        Assert.True(given > 100, "the control: it is given at all");
    }

    [Fact]
    public void Wrong_order_of_layers_is_found()
    {
        // The control: the comparison sees it when the oldest layer is taken for the newest.
        int different = 0;
        Check(one =>
        {
            using LayeredPageSource layered = one.Make();
            var naive = new Naive([.. one.Make(one.Length).Reverse()]);
            byte[] found = Dirty(one.Length);
            different += naive.Agrees(0, found, () => layered.Read(0, found)) ? 0 : 1;
            return true;
        });
        Assert.True(different > 50);
    }

    private static void Holds(Func<LayeredPageSource, Naive, int, int, bool> holds) => Check(one =>
    {
        using LayeredPageSource layered = one.Make();
        var naive = new Naive(one.Make(one.Length));
        return one.Queries.All(query => holds(layered, naive, query.Offset, query.Length));
    });

    private static void Check(Func<Case, bool> holds)
    {
        // From a fixed seed, so that a run tells of the change and not of its luck.
        Config config = Config.QuickThrowOnFailure
            .WithMaxTest(300)
            .WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(1), FSharpOption<int>.None)));
        FsCheck.Check.One(config, Prop.ForAll(Arb.From(AnyCase, one => one.Shrink()), holds));
    }

    /// <summary>Bytes that are not zeros by luck.</summary>
    private static byte[] Dirty(int length)
    {
        byte[] bytes = new byte[length];
        bytes.AsSpan().Fill(0xdd);
        return bytes;
    }

    private sealed record LayerCase(Part[] Parts, int Concurrency, bool Direct, int LongestRun)
    {
        public override string ToString() => $"[{string.Join(", ", Parts)}] concurrency {Concurrency} direct {Direct} longest {LongestRun}";

        public RunSource Make(int length, ulong salt)
        {
            var parts = new List<Part>();
            int left = length;
            foreach (Part part in Parts)
            {
                parts.Add(part with { Length = Math.Min(part.Length, left) });
                left -= parts[^1].Length;
            }

            return new RunSource(salt, [.. parts, new Part(SourceRunKind.Hole, left)]) { Concurrency = Concurrency, Direct = Direct, LongestRun = LongestRun };
        }
    }

    private sealed record Case(int Length, LayerCase[] Layers, (int Offset, int Length)[] Queries)
    {
        public override string ToString() => $"{Length} bytes, from the base up: {string.Join("; ", Layers.AsEnumerable())}; asked: {string.Join(", ", Queries)}";

        /// <summary>The base first.</summary>
        public RunSource[] Make(int length) => [.. Layers.Select((layer, index) => layer.Make(length, (ulong)index + 1))];

        public LayeredPageSource Make()
        {
            RunSource[] layers = Make(Length);
            return new LayeredPageSource(layers[0], layers[1..]);
        }

        public IEnumerable<Case> Shrink()
        {
            if (Queries.Length > 1)
            {
                foreach ((int Offset, int Length) query in Queries)
                {
                    yield return this with { Queries = [query] };
                }
            }

            for (int layer = 0; layer < Layers.Length && Layers.Length > 1; layer++)
            {
                yield return this with { Layers = [.. Layers[..layer], .. Layers[(layer + 1)..]] };
            }
        }
    }

    /// <summary>What it must be: each byte by itself.</summary>
    private sealed class Naive(RunSource[] fromBaseUp)
    {
        public int Length => (int)fromBaseUp[0].Length;

        public bool IsAll(SourceRunKind kind, int offset, int length) => Enumerable.Range(offset, length).All(at => KindAt(at) == kind);

        /// <summary>Whether what a read did is right: bytes, or a failure where some are lost.</summary>
        public bool Agrees(int offset, byte[] found, Action read)
        {
            bool lost = Enumerable.Range(offset, found.Length).Any(at => at < Length && KindAt(at) == SourceRunKind.Poisoned);
            try
            {
                read();
            }
            catch (IOException)
            {
                return lost;
            }

            return !lost && Enumerable.Range(0, found.Length).All(index => found[index] == ByteAt(offset + index));
        }

        private RunSource Owner(int offset) => fromBaseUp.Reverse().FirstOrDefault(layer => layer.KindAt(offset) != SourceRunKind.Hole) ?? fromBaseUp[0];

        private SourceRunKind KindAt(int offset) => Owner(offset).KindAt(offset);

        private byte ByteAt(int offset) => offset < Length ? Owner(offset).Bytes[offset] : (byte)0;
    }
}
