using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace Uffd.Paging.OwnMemory.Tests.Model;

/// <summary>Whatever one thread does, a region is an array of bytes; a failing history is told in its shortest form.</summary>
public sealed class HistoryProperties
{
    private const int Bytes = (100 * 4096) - 77;

    private static readonly Gen<Operation> AnyOperation =
        from kind in Gen.Frequency(
            (6, Gen.Constant(OperationKind.Read)),
            (6, Gen.Constant(OperationKind.Write)),
            (2, Gen.Constant(OperationKind.WriteByLease)),
            (1, Gen.Constant(OperationKind.Flush)),
            (1, Gen.Constant(OperationKind.Reopen)),
            (2, Gen.Constant(OperationKind.Evict)),
            (1, Gen.Constant(OperationKind.Break)),
            (1, Gen.Constant(OperationKind.Mend)))
        from at in Gen.OneOf(Gen.Choose(0, Bytes - 1), Gen.Choose(0, 99).Select(page => Math.Min(page * 4096, Bytes - 1)))
        from length in Gen.OneOf(Gen.Choose(1, 100), Gen.Choose(1, 50 * 4096))
        from value in Gen.Choose(1, 255)
        select new Operation(kind, at, Math.Min(length, Bytes - at), (byte)value);

    private static readonly Gen<Operation[]> AnyHistory =
        from length in Gen.Choose(0, 50)
        from history in AnyOperation.ArrayOf(length)
        select history;

    [Fact]
    public void Every_history_is_that_of_an_array() => Check(maxTest: 150, static history => IsRight(history, forgets: false));

    [Fact]
    public void Store_that_forgets_a_page_is_found()
        => Assert.NotNull(Record.Exception(static () => Check(maxTest: 150, static history => IsRight(history, forgets: true)))); // the control

    private static void Check(int maxTest, Func<Operation[], bool> holds)
    {
        Config config = Config.QuickThrowOnFailure
            .WithMaxTest(maxTest)
            .WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd((ulong)ModelOptions.SeedOr(1)), FSharpOption<int>.None)));
        FsCheck.Check.One(config, Prop.ForAll(Arb.From(AnyHistory, Shorter), holds));
    }

    private static IEnumerable<Operation[]> Shorter(Operation[] history)
    {
        for (int part = history.Length / 2; part > 0; part /= 2)
        {
            for (int from = 0; from + part <= history.Length; from += part)
            {
                yield return [.. history[..from], .. history[(from + part)..]];
            }
        }
    }

    private static bool IsRight(Operation[] history, bool forgets)
    {
        using var small = new Small(length: Bytes);
        byte[] known = new byte[Bytes];
        byte[] buffer = new byte[Bytes];
        foreach (Operation one in history)
        {
            if (!Do(one, small, known, buffer))
            {
                return false;
            }

            if (forgets && small.Store.Writes > 0)
            {
                small.Store.Content[..4096].Clear();
            }
        }

        small.Store.OnWrite = null;
        small.Region.Flush();
        small.Memory.CopyTo(0, buffer);
        return buffer.AsSpan().SequenceEqual(known) && small.Store.Content.SequenceEqual(known) && small.Store.Violation is null;
    }

    private static bool Do(Operation one, Small small, byte[] known, byte[] buffer)
    {
        Span<byte> part = buffer.AsSpan(0, one.Length);
        bool isBroken = small.Store.OnWrite is not null;
        try
        {
            switch (one.Kind)
            {
                case OperationKind.Read:
                    small.Memory.CopyTo(one.At, part);
                    return part.SequenceEqual(known.AsSpan(one.At, one.Length));
                case OperationKind.Write:
                    part.Fill(one.Value);
                    small.Memory.CopyFrom(one.At, part);
                    part.CopyTo(known.AsSpan(one.At));
                    break;
                case OperationKind.WriteByLease:
                    using (PageLease lease = small.Memory.Lease(one.At, one.Length, PageAccess.Write))
                    {
                        lease.Span.Fill(one.Value);
                    }

                    known.AsSpan(one.At, one.Length).Fill(one.Value);
                    break;
                case OperationKind.Flush:
                    small.Region.Flush();
                    return small.Store.Content.SequenceEqual(known);
                case OperationKind.Reopen when !isBroken:
                    small.Reopen();
                    return small.Store.Content.SequenceEqual(known);
                case OperationKind.Evict:
                    small.Evict(one.At / 4096);
                    break;
                case OperationKind.Break:
                    small.Store.OnWrite = static (_, _) => throw new IOException("made to fail");
                    break;
                case OperationKind.Mend:
                    small.Store.OnWrite = null;
                    small.Region.Flush();
                    break;
                default:
                    break;
            }
        }
        catch (IOException) when (isBroken)
        {
            // A write that was refused may have been made in part: what it has written is known by reading it, and stays.
            if (one.Kind == OperationKind.Write)
            {
                Relearn(small, known.AsSpan(one.At, one.Length), one);
            }
        }

        return true;
    }

    /// <summary>Each byte is the old one or the new.</summary>
    private static void Relearn(Small small, Span<byte> known, Operation one)
    {
        small.Store.OnWrite = null;
        small.Region.Flush();
        byte[] now = new byte[known.Length];
        small.Memory.CopyTo(one.At, now);
        for (int index = 0; index < now.Length; index++)
        {
            Assert.True(now[index] == known[index] || now[index] == one.Value);
        }

        now.CopyTo(known);
    }
}
