using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>Whatever arrives in whatever order, a core is read back as what was given last.</summary>
public sealed class CoreModelTests
{
    private static readonly Gen<CoreStep> AnyStep =
        from kind in Gen.Frequency(
            (6, Gen.Constant(CoreStepKind.Write)),
            (3, Gen.Constant(CoreStepKind.WriteZeros)),
            (3, Gen.Constant(CoreStepKind.Discard)),
            (1, Gen.Constant(CoreStepKind.Expect)))
        from range in AnyRange()
        from value in Gen.Choose(1, 255)
        select new CoreStep(kind, range.First, range.Count, (byte)value);

    private static readonly Gen<CoreHistory> AnyHistory =
        from steps in Gen.Choose(0, 25)
        from history in AnyStep.ArrayOf(steps)
        from cuts in Gen.Choose(0, 12).SelectMany(count => Gen.Choose(0, CoreModel.PageCount).ArrayOf(count))
        from contents in Gen.Choose(0, 3).ArrayOf(14)
        select new CoreHistory(history, EndsOf(cuts, contents));

    [Fact]
    public void Every_history_is_read_back_as_what_was_given_last() => Check(maxTest: 200, static history => CoreModel.Agrees(history, forgets: false));

    [Fact]
    public void Model_that_is_wrong_about_discarded_pages_is_found()
        => Assert.NotNull(Record.Exception(static () => Check(maxTest: 200, static history => CoreModel.Agrees(history, forgets: true)))); // the control

    private static void Check(int maxTest, Func<CoreHistory, bool> holds)
    {
        Config config = Config.QuickThrowOnFailure
            .WithMaxTest(maxTest)
            .WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(6), FSharpOption<int>.None)));
        FsCheck.Check.One(config, Prop.ForAll(Arb.From(AnyHistory, Shorter), holds));
    }

    private static IEnumerable<CoreHistory> Shorter(CoreHistory history)
        => Enumerable.Range(0, history.Steps.Length).Select(index => history with { Steps = [.. history.Steps[..index], .. history.Steps[(index + 1)..]] })
            .Concat(Enumerable.Range(0, history.Ends.Length).Select(index => history with { Ends = [.. history.Ends[..index], .. history.Ends[(index + 1)..]] }));

    /// <summary>A range that does not go across the gap between the near pages and the far ones.</summary>
    private static Gen<(int First, int Count)> AnyRange()
        => from first in Gen.Choose(0, CoreModel.PageCount - 1)
           from count in Gen.Choose(1, 20)
           select (first, Math.Min(count, (first < 32 ? 32 : CoreModel.PageCount) - first));

    private static CoreEnd[] EndsOf(int[] cuts, int[] contents)
    {
        int[] bounds = [.. cuts.Append(0).Append(32).Append(CoreModel.PageCount).Distinct().Order()];
        return
        [
            .. Enumerable.Range(0, bounds.Length - 1)
                .Where(index => contents[index % contents.Length] < 3)
                .Select(index => new CoreEnd(bounds[index], bounds[index + 1] - bounds[index], (RegionContent)contents[index % contents.Length])),
        ];
    }
}
