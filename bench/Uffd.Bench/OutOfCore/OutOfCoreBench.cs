using System.Globalization;
using System.Text.Json;

namespace Uffd.Bench;

/// <summary>What every part needs: the file, the programs of both sides, and where its figures go.</summary>
internal sealed class OutOfCoreBench(OutOfCoreOptions options, string directory, CancellationToken cancellation) : IDisposable
{
    private readonly List<OutOfCoreFigure> figures = [];
    private readonly List<string> notes = [];
    private RecordFile? file;

    public OutOfCoreOptions Options => options;

    public string Directory => directory;

    public CancellationToken Cancellation => cancellation;

    /// <summary>The file that is larger than the memory; made when it is first asked for.</summary>
    public RecordFile File
    {
        get
        {
            if (file is null)
            {
                Workbench.Say($"writing {options.FileSize >> 20} MiB of records");
                file = RecordFile.Create(directory, options.FileSize, cancellation);
            }

            return file;
        }
    }

    public IReadOnlyList<OutOfCoreFigure> Figures => figures;

    public IReadOnlyList<string> Notes => notes;

    /// <summary>Whether a part could not be measured: its targets are not met.</summary>
    public bool IsIncomplete { get; private set; }

    /// <summary>What a run of our side may have beside its region: the runtime's own. Measured, once.</summary>
    public long RuntimeAllowance { get; set; }

    public string SideName => options.SelfCheck ? "C# over mmap in the region's place" : "PagedRegion";

    public void Add(Figure figure, double? limit = null) => figures.Add(new OutOfCoreFigure(figure, limit));

    public void Note(string note) => notes.Add(note);

    public void NoteMissing(string note)
    {
        notes.Add(note);
        IsIncomplete = true;
    }

    public Task<string> CompileAsync(string name) => Baselines.CompileAsync(name, directory, cancellation);

    /// <summary>Runs our side in a memory control group.</summary>
    public Task<LimitedRun> RunOursAsync(long limit, params ReadOnlySpan<string> arguments)
    {
        var (program, all) = Ours.Command(arguments);
        return LimitedProgram.RunAsync(limit, program, all, cancellation);
    }

    /// <summary>Runs our side with as much memory as there is.</summary>
    public Task<JsonElement> RunOursFreelyAsync(int? cpu, params ReadOnlySpan<string> arguments)
    {
        var (program, all) = Ours.Command(arguments);
        var start = Programs.Command(program, cpu, all);
        Ours.AddRuntime(start);
        return Programs.MeasureAsync(start, null, cancellation);
    }

    public static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    public void Dispose() => file?.Dispose();
}
