using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace Uffd.Paging.Tests.Stores;

/// <summary>A journaled store is an array of bytes, and after opening it again the array of the last flush.</summary>
public class JournaledPageStoreProperties
{
    private const int Page = PackedPages.Page;
    private const int Pages = 20;
    private const int Length = (Pages * Page) - 321;

    private static readonly Gen<Step> AnyStep =
        from kind in Gen.Frequency((8, Gen.Constant(Kind.Write)), (4, Gen.Constant(Kind.Read)), (2, Gen.Constant(Kind.Flush)), (1, Gen.Constant(Kind.Reopen)))
        from page in Gen.Choose(0, Pages - 1)
        from count in Gen.Choose(1, 5)
        from seed in Gen.Choose(0, 1 << 20)
        from slow in Gen.Elements(false, true)
        select new Step(kind, page, Math.Min(count, Pages - page), seed, slow);

    private enum Kind
    {
        Write,
        Read,
        Flush,
        Reopen,
    }

    [Fact]
    public void Behaves_as_an_array()
    {
        Config config = Config.QuickThrowOnFailure
            .WithMaxTest(200)
            .WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(1), FSharpOption<int>.None)));
        FsCheck.Check.One(config, Prop.ForAll(Arb.From(AnyStep.ArrayOf(50)), Holds));
    }

    private static bool Holds(Step[] steps)
    {
        CrashDisk.CrashFile journal = new CrashDisk().Create("journal", []);
        JournalHeaders.Format(journal, Length, default);
        CrashDisk.CrashFile inner = new CrashDisk().Create("store", new byte[Length]);
        byte[] now = new byte[Pages * Page];
        byte[] flushed = [.. now];
        var store = new JournaledPageStore(new CrashStore(inner), journal, null);
        foreach (Step step in steps)
        {
            int offset = step.Page * Page;
            switch (step.Kind)
            {
                case Kind.Write:
                    byte[] content = Pattern.Bytes((ulong)(step.Count * Page), (ulong)step.Seed + 1);
                    store.Write((ulong)offset, content);
                    content.CopyTo(now, offset);
                    Array.Clear(now, Length, now.Length - Length);
                    break;
                case Kind.Flush:
                    store.Flush();
                    now.CopyTo(flushed, 0);
                    break;
                case Kind.Reopen:
                    store.Dispose();
                    store = new JournaledPageStore(new CrashStore(inner), journal, null);
                    flushed.CopyTo(now, 0);
                    break;
                default:
                    int from = offset + (step.Seed % Page);
                    int length = Math.Min((step.Seed % 9000) + 1, now.Length - from);
                    byte[] found = new byte[length];
                    if (step.Slow)
                    {
                        Assert.True(store.ReadAsync((ulong)from, found, CancellationToken.None).AsTask().IsCompletedSuccessfully);
                    }
                    else
                    {
                        store.Read((ulong)from, found);
                    }

                    if (!found.AsSpan().SequenceEqual(now.AsSpan(from, length)))
                    {
                        return false;
                    }

                    break;
            }

            if (!inner.Seen.AsSpan().SequenceEqual(flushed.AsSpan(0, Length)))
            {
                return false; // nothing comes to the store but by a flush
            }
        }

        store.Dispose();
        return true;
    }

    private sealed record Step(Kind Kind, int Page, int Count, int Seed, bool Slow);
}
