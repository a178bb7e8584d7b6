using System.Diagnostics;
using System.Text.Json;

namespace Uffd.Bench;

/// <summary>What every part needs: the image, the C programs, the servers, and where its figures go.</summary>
internal sealed class Workbench(
    BenchOptions options, string directory, Baselines baselines, ImageFile image, CancellationToken cancellation)
{
    private readonly List<Figure> figures = [];
    private readonly List<string> notes = [];
    private int servers;

    public BenchOptions Options => options;

    public string Directory => directory;

    public Baselines Baselines => baselines;

    public ImageFile Image => image;

    public IReadOnlyList<Figure> Figures => figures;

    public IReadOnlyList<string> Notes => notes;

    /// <summary>Whether a part could not be measured because the pager lacks what it takes: its target is not met.</summary>
    public bool IsIncomplete { get; private set; }

    public string PagerName => options switch
    {
        { SelfCheck: true } => "the C handler in the pager's place",
        { Pager: { } other } => Path.GetFileName(other),
        _ => string.Join(' ', ["uffd serve", .. options.Serve]),
    };

    private string PagerPath => options switch
    {
        { SelfCheck: true } => baselines.Handler,
        { Pager: { } other } => other,
        _ => BuildFacts.PagerPath,
    };

    public void Add(Figure figure) => figures.Add(figure);

    public void Note(string note) => notes.Add(note);

    public void NoteMissing(string note)
    {
        notes.Add(note);
        IsIncomplete = true;
    }

    /// <summary>Progress goes to people only: the report is all that standard output carries.</summary>
    public static void Say(string what)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.WriteLine(what);
        }
    }

    /// <summary>Hot code is compiled again in the background: the time to do it.</summary>
    public Task RestAsync() => Task.Delay(TimeSpan.FromSeconds(1), cancellation);

    public Task<ServerProcess> StartHandlerAsync(Placement placement) =>
        StartAsync("the C handler", baselines.Handler, placement, "--no-background");

    public Task<ServerProcess> StartPagerAsync(Placement placement, params string[] arguments) =>
        StartAsync(PagerName, PagerPath, placement, [.. arguments, .. options.Serve]);

    public Task<ServerProcess> StartAsync(string name, string program, Placement placement, params string[] arguments) =>
        ServerProcess.StartAsync(
            name, program, Path.Combine(directory, $"{servers++}.sock"), image.Path, arguments, placement.ServerCpu,
            cancellation);

    /// <summary>Runs the program that faults, served by a server, and returns what it found.</summary>
    public Task<JsonElement> TouchAsync(
        ServerProcess server, Placement placement, string mode, long touchedBytes, int order, params ReadOnlySpan<string> more)
    {
        var start = Programs.Command(
            baselines.Toucher, placement.ToucherCpu,
            "--socket", server.SocketPath, "--size", $"{image.Size}", "--mode", mode, "--remove",
            "--order", $"{order}", "--seed", $"{image.Seed}", "--warm", $"{Math.Min(image.Size, touchedBytes)}");
        foreach (var argument in more)
        {
            start.ArgumentList.Add(argument);
        }

        return Programs.MeasureAsync(start, server, cancellation);
    }

    /// <summary>Runs a program of baselines/ that needs no server.</summary>
    public Task<JsonElement> MeasureAsync(string program, int? cpu, params ReadOnlySpan<string> arguments) =>
        Programs.MeasureAsync(Programs.Command(program, cpu, arguments), null, cancellation);

    /// <summary>The same, with a server that must live until it has ended.</summary>
    public Task<JsonElement> MeasureAsync(ServerProcess server, ProcessStartInfo start) =>
        Programs.MeasureAsync(start, server, cancellation);

    public static double[] Numbers(List<JsonElement> runs, string property, double scale) =>
        [.. runs.Select(run => run.GetProperty(property).GetDouble() * scale)];
}
