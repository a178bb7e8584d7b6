using FsCheck;
using FsCheck.Fluent;

namespace Uffd.Kernel.Tests.Model;

/// <summary>Random sequences of operations, and how a failing one is made smaller.</summary>
internal static class Sequences
{
    private const int PageCount = RegionModel.PageCount;

    private static readonly Gen<int> Page = Gen.Choose(0, PageCount - 1);
    private static readonly Gen<byte> Value = Gen.Choose(1, 200).Select(value => (byte)value);

    private static readonly Gen<(int First, int Count)> Range =
        from first in Page
        from count in Gen.Choose(1, PageCount - first)
        select (first, count);

    public static Arbitrary<Operation[]> Arbitrary(MemoryKind memory) => Arb.From(Sequence(memory), sequence => Shrink(sequence).Where(smaller => Ends(memory, smaller)));

    /// <summary>
    /// Whether the kernel comes to an end. On Linux 6.18 a thread was seen to fault for ever inside a system call, with the lock of
    /// the address space held, after sequences that wrote to a huge page which had kept its protection bit while its range was
    /// registered for something else. It has not been seen since huge pages are always registered for write-protection here, among
    /// others; the cause is inferred from that, and not reproduced by itself.
    /// </summary>
    private static bool Ends(MemoryKind memory, Operation[] sequence)
        => !memory.IsHugetlb() || sequence.OfType<Register>().All(register => register.Modes.HasFlag(UffdRegisterModes.WriteProtect));

    /// <summary>Smaller sequences: without a part, then with a smaller operation.</summary>
    public static IEnumerable<Operation[]> Shrink(Operation[] sequence)
    {
        for (int length = sequence.Length / 2; length > 0; length /= 2)
        {
            for (int start = 0; start + length <= sequence.Length; start += length)
            {
                yield return [.. sequence[..start], .. sequence[(start + length)..]];
            }
        }

        for (int index = 0; index < sequence.Length; index++)
        {
            foreach (Operation smaller in Smaller(sequence[index]))
            {
                yield return [.. sequence[..index], smaller, .. sequence[(index + 1)..]];
            }
        }
    }

    private static Gen<Operation[]> Sequence(MemoryKind memory)
        => Gen.Sized(size => Gen.ArrayOf(Operation(memory), 3 + size)); // fewer come by shrinking

    private static Gen<Operation> Operation(MemoryKind memory)
    {
        bool cached = !memory.IsAnonymous();
        return Gen.Frequency(
        [
            (6, from range in Range from modes in Flags<UffdRegisterModes>(cached ? 8 : 4) select (Operation)new Register(range.First, range.Count, memory.IsHugetlb() ? modes | UffdRegisterModes.WriteProtect : modes)),
            (3, Gen.Constant<Operation>(new Register(0, PageCount, UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect))),
            (2, from range in Range select (Operation)new Unregister(range.First, range.Count)),
            (3, from range in Range select (Operation)new Wake(range.First, range.Count)),
            (8, from range in Range from value in Value from modes in Flags<UffdCopyModes>(4) select (Operation)new Copy(range.First, range.Count, value, modes)),
            (5, from range in Range from modes in Flags<UffdZeroPageModes>(2) select (Operation)new ZeroPage(range.First, range.Count, modes)),
            (cached ? 6 : 1, from range in Range from modes in Flags<UffdContinueModes>(4) select (Operation)new Continue(range.First, range.Count, modes)),
            (4, from range in Range from modes in Flags<UffdPoisonModes>(2) select (Operation)new Poison(range.First, range.Count, modes)),
            (8, from range in Range from modes in Flags<UffdWriteProtectModes>(4) select (Operation)new WriteProtect(range.First, range.Count, modes)),
            (cached ? 1 : 6, Moves()),
            (4, from range in Range select (Operation)new DontNeed(range.First, range.Count)),
            (cached ? 4 : 1, from range in Range select (Operation)new Remove(range.First, range.Count)),
            (8, from page in Page select (Operation)new Read(page)),
            (8, from page in Page from value in Value select (Operation)new Write(page, value)),
            (cached ? 4 : 0, from page in Page from value in Value select (Operation)new WriteFile(page, value)),
            (cached ? 0 : 2, from page in Page select (Operation)new ReadSource(page)),
            (cached ? 0 : 6, from page in Page from value in Value select (Operation)new WriteSource(page, value)),
        ]);
    }

    private static Gen<Operation> Moves()
        => from range in Range
           from source in Gen.Choose(0, PageCount - range.Count)
           from modes in Flags<UffdMoveModes>(4)
           select (Operation)new Move(range.First, range.Count, source, modes);

    /// <summary>Any set of the first flags of an enum.</summary>
    private static Gen<T> Flags<T>(int below)
        where T : struct, Enum
        => Gen.Choose(0, below - 1).Select(bits => (T)Enum.ToObject(typeof(T), (ulong)bits));

    private static IEnumerable<Operation> Smaller(Operation operation)
    {
        if (operation is RangeOperation { Count: > 1 } range)
        {
            yield return range with { First = range.First + 1, Count = range.Count - 1 };
            yield return range with { Count = range.Count - 1 };
        }

        switch (operation)
        {
            case Move { Source: > 0 } move:
                yield return move with { Source = move.Source - 1 };
                break;
            case Copy { Modes: not UffdCopyModes.None } copy:
                yield return copy with { Modes = UffdCopyModes.None };
                break;
            case Copy { Value: > 1 } copy:
                yield return copy with { Value = 1 };
                break;
            case ZeroPage { Modes: not UffdZeroPageModes.None } zero:
                yield return zero with { Modes = UffdZeroPageModes.None };
                break;
            case Continue { Modes: not UffdContinueModes.None } next:
                yield return next with { Modes = UffdContinueModes.None };
                break;
            case Poison { Modes: not UffdPoisonModes.None } poison:
                yield return poison with { Modes = UffdPoisonModes.None };
                break;
            case Register { Modes: not UffdRegisterModes.None } register:
                foreach (UffdRegisterModes mode in Enum.GetValues<UffdRegisterModes>().Where(mode => mode != 0 && mode != register.Modes && register.Modes.HasFlag(mode)))
                {
                    yield return register with { Modes = register.Modes & ~mode };
                }

                break;
            case Write { Value: > 1 } write:
                yield return write with { Value = 1 };
                break;
            case WriteFile { Value: > 1 } write:
                yield return write with { Value = 1 };
                break;
            case WriteSource { Value: > 1 } write:
                yield return write with { Value = 1 };
                break;
        }
    }
}
