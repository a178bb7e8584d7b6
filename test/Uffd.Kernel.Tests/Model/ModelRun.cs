using System.Diagnostics;
using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace Uffd.Kernel.Tests.Model;

/// <summary>A sequence after which the model and the kernel differ.</summary>
/// <param name="Setup">Where.</param>
/// <param name="Sequence">The operations; the last one shows it.</param>
/// <param name="Differences">What differs, a line each.</param>
internal sealed record Disagreement(ModelSetup Setup, Operation[] Sequence, string[] Differences)
{
    /// <summary>The C# that runs it again.</summary>
    public string ToCode()
    {
        string operations = string.Concat(Sequence.Select(operation => $",\n    {operation}"));
        return $"ModelRun.Replay(\n    new ModelSetup({Operation.Code(Setup.Memory)}, {Operation.Code(Setup.Features)}){operations});";
    }

    public override string ToString() => $"the kernel and the model disagree:\n{string.Join('\n', Differences.Select(line => $"  {line}"))}\nto see it again:\n{ToCode()}\n";
}

/// <summary>Runs sequences on the model and on the kernel side by side.</summary>
internal sealed class ModelRun(ModelSetup setup, Func<ModelSetup, RegionModel>? makeModel = null) : IDisposable
{
    private readonly Func<ModelSetup, RegionModel> _makeModel = makeModel ?? (it => new RegionModel(it));
    private readonly KernelRegion _kernel = new(setup);

    /// <summary>How many operations were done.</summary>
    public long Operations { get; private set; }

    /// <summary>How many sequences were run.</summary>
    public long Runs { get; private set; }

    /// <summary>Runs what a failure printed.</summary>
    public static void Replay(ModelSetup setup, params Operation[] sequence)
    {
        using var run = new ModelRun(setup);
        Disagreement? disagreement = run.Compare(sequence);
        Assert.True(disagreement is null, disagreement?.ToString());
    }

    /// <summary>Runs one sequence from the beginning.</summary>
    /// <returns>Where they first differ, or null.</returns>
    public Disagreement? Compare(Operation[] sequence)
    {
        _kernel.Reset();
        RegionModel model = _makeModel(setup);
        Runs++;
        for (int index = 0; index < sequence.Length; index++)
        {
            Report expected = model.Apply(sequence[index]);
            Report actual = _kernel.Apply(sequence[index]);
            Operations++;
            if (!expected.Equals(actual))
            {
                return new Disagreement(setup, sequence[..(index + 1)], [.. Report.Differences(expected, actual)]);
            }
        }

        return null;
    }

    /// <summary>Runs random sequences for a while.</summary>
    /// <param name="seed">Where to begin; each round takes the next.</param>
    /// <param name="time">How long.</param>
    /// <returns>The smallest sequence that was found to differ, and the seed of its round; or null.</returns>
    public (Disagreement Smallest, ulong Seed)? Search(ulong seed, TimeSpan time)
    {
        const int SequencesPerRound = 40;
        long start = Stopwatch.GetTimestamp();
        for (; Stopwatch.GetElapsedTime(start) < time; seed++)
        {
            // FsCheck goes on only with sequences that fail, so the last failure is the smallest.
            Disagreement? last = null;
            Exception? broken = null;
            Property property = Prop.ForAll(Sequences.Arbitrary(setup.Memory), sequence =>
            {
                if (broken is not null)
                {
                    return true;
                }

                try
                {
                    Disagreement? found = Compare(sequence);
                    last = found ?? last;
                    return found is null;
                }
                catch (Exception exception)
                {
                    broken = new InvalidOperationException($"could not run: {string.Join(", ", sequence.AsEnumerable())}", exception);
                    return true; // no shrinking: what is broken is the test
                }
            });
            Config config = Config.Quick
                .WithMaxTest(SequencesPerRound)
                .WithStartSize(2)
                .WithEndSize(60)
                .WithRunner(new SilentRunner())
                .WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(seed), FSharpOption<int>.None)));
            Check.One(config, property);
            if (broken is not null)
            {
                throw broken;
            }

            if (last is not null)
            {
                return (last, seed);
            }
        }

        return null;
    }

    public void Dispose() => _kernel.Dispose();

    /// <summary>One line with the figures.</summary>
    public string Describe(TimeSpan elapsed)
    {
        var text = new StringBuilder();
        return text.Append(CultureInfo.InvariantCulture, $"{setup}: {Runs} sequences, {Operations} operations, {Operations / elapsed.TotalSeconds:f0} operations/s").ToString();
    }

    /// <summary>FsCheck must not print: failures are printed as code.</summary>
    private sealed class SilentRunner : IRunner
    {
        public void OnStartFixture(Type t)
        {
        }

        public void OnArguments(int ntest, Microsoft.FSharp.Collections.FSharpList<object> args, FSharpFunc<int, FSharpFunc<Microsoft.FSharp.Collections.FSharpList<object>, string>> every)
        {
        }

        public void OnShrink(Microsoft.FSharp.Collections.FSharpList<object> args, FSharpFunc<Microsoft.FSharp.Collections.FSharpList<object>, string> everyShrink)
        {
        }

        public void OnFinished(string name, FsCheck.TestResult testResult)
        {
        }
    }
}
