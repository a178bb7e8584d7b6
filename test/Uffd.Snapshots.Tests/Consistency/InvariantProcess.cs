using System.Diagnostics;
using System.Globalization;

namespace Uffd.Snapshots.Tests;

/// <summary>A process that keeps promises about its memory at every instant (test/native/invariant.c). It ends with the test at the latest.</summary>
internal sealed class InvariantProcess : IAsyncDisposable
{
    private static readonly string[] Sources =
    [
        "invariant.h", "invariant.c", "invariantbank.c", "invariantlist.c", "invariantpages.c", "invariantclock.c", "invariantchurn.c",
    ];

    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    private readonly Process _process;
    private readonly Task<string> _errors;

    private InvariantProcess(Process process, IReadOnlyList<string> parts)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
        Parts = parts;
    }

    /// <summary>All parts that there are.</summary>
    public static IReadOnlyList<string> AllParts { get; } = ["bank", "list", "pages", "clock", "churn"];

    /// <summary>The process's id: that of a child of what was started.</summary>
    public int ProcessId => (int)Symbols["process"];

    /// <summary>What it promises.</summary>
    public IReadOnlyList<string> Parts { get; }

    /// <summary>Addresses and numbers that it told.</summary>
    public Dictionary<string, ulong> Symbols { get; } = new(StringComparer.Ordinal);

    /// <summary>Starts one, and waits until it works.</summary>
    /// <param name="parts">What it shall promise; separated by commas.</param>
    /// <param name="stepsPerSecond">Of each thread.</param>
    /// <param name="bytes">Of each part's memory.</param>
    public static async Task<InvariantProcess> StartAsync(string parts, int stepsPerSecond = 20_000, long bytes = 8 << 20)
    {
        string program = await Task.Run(() => NativeCompiler.Build("invariant", Sources));
        string[] chosen = parts.Split(',');
        string[] arguments =
        [
            .. chosen,
            "--rate", stepsPerSecond.ToString(CultureInfo.InvariantCulture),
            "--bytes", bytes.ToString(CultureInfo.InvariantCulture),
        ];
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var started = new InvariantProcess(Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start"), chosen);
        try
        {
            await started.ReadSymbolsAsync().WaitAsync(Patience);
            return started;
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
    }

    /// <summary>What judges copies of it.</summary>
    /// <param name="mayLackHidden">Whether a copy may leave out mappings that are PROT_NONE.</param>
    public IReadOnlyList<IInvariant> Invariants(bool mayLackHidden = false)
        => [.. Parts.Select(part => (IInvariant)(part switch
        {
            "bank" => new BankInvariant(Symbols),
            "list" => new ListInvariant(Symbols),
            "pages" => new PagesInvariant(Symbols),
            "clock" => new ClockInvariant(Symbols),
            "churn" => new ChurnInvariant(Symbols, mayLackHidden),
            _ => throw new ArgumentOutOfRangeException(nameof(mayLackHidden), part, "there is no such part"),
        }))];

    /// <summary>Takes a snapshot of it; if it has not survived that, says how it ended.</summary>
    /// <param name="sink">Where the snapshot goes.</param>
    public async Task<SnapshotReport> TakeSnapshotAsync(ISnapshotSink sink)
    {
        try
        {
            return await ObservedSnapshot.TakeAsync(ProcessId, sink);
        }
        catch (Exception exception) when (_process.WaitForExit(TimeSpan.FromMilliseconds(200)))
        {
            throw new InvalidOperationException($"the process did not survive it, and ended with exit code {_process.ExitCode}: {await _errors}", exception);
        }
    }

    /// <summary>Ends it in good order: it was not harmed by what was done to it.</summary>
    public async Task EndAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync().WaitAsync(Patience);
        Assert.True(_process.ExitCode == 0, $"the process ended with exit code {_process.ExitCode}: {await _errors}");
    }

    /// <summary>Ends it at once.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task ReadSymbolsAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (string.Equals(line, "ready", StringComparison.Ordinal))
            {
                return;
            }

            string[] words = line.Split(' ');
            Symbols[words[0]] = ulong.Parse(words[1], CultureInfo.InvariantCulture);
        }

        throw new InvalidOperationException($"the process ended before it was ready: {await _errors}");
    }
}
