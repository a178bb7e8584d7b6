using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Runtime.CompilerServices;
using Uffd.Daemon;
using Uffd.Tool.Output;

namespace Uffd.Tool.Commands;

/// <summary><c>uffd status</c>: asks a running daemon.</summary>
internal static class StatusCommand
{
    private const double ShortestInterval = 0.1;
    private const double LongestInterval = 3600;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private static readonly Option<string> Socket = new("--socket")
    {
        Description = "The daemon's socket",
        HelpName = "PATH",
        Required = true,
    };

    private static readonly Option<double> Interval = new("--interval")
    {
        Description = "On a terminal, look again after so many seconds",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 1,
    };

    private static readonly Option<bool> Once = new("--once") { Description = "One sample and no live view, on a terminal too" };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one sample as a JSON object" };

    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        Socket.Validators.Add(Images.RequireName);
        Interval.Validators.Add(result =>
        {
            foreach (Token token in result.Tokens)
            {
                if (double.TryParse(token.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && !(value is >= ShortestInterval and <= LongestInterval))
                {
                    result.AddError(string.Create(CultureInfo.InvariantCulture, $"--interval wants seconds from {ShortestInterval} to {LongestInterval}"));
                }
            }
        });
        var verb = new Verb("status", "Show what a running 'uffd serve' does: clients, faults, latencies, pages")
        {
            Examples =
            [
                new("uffd status --socket /run/vm.sock", "watch it; Ctrl-C ends"),
                new("uffd status --socket /run/vm.sock --once", "one look"),
                new("uffd status --socket /run/vm.sock --json | jq .totals.poisonedPages", "a number for a script"),
            ],
            ExitStatuses =
            [
                new(ExitCodes.Done, "shown; or the live view was ended by SIGINT or SIGTERM"),
                new(ExitCodes.Failed, "nobody listens there, or the daemon refused, ended or did not answer"),
                new(ExitCodes.Usage, "wrong arguments"),
                new(ExitCodes.NotAllowed, "the socket is not open to this user"),
                new(ExitCodes.Interrupted, "interrupted before there was an answer"),
            ],
        };
        foreach (Option option in (Option[])[Socket, Interval, Once, Json])
        {
            verb.Options.Add(option);
        }

        verb.SetAction(RunAsync);
        return verb;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        Screen screen = Screen.Standard();
        using StatusClient daemon = StatusClient.Connect(result.GetRequiredValue(Socket));
        DaemonStatus first = daemon.Ask(Patience, cancellation);
        if (result.GetValue(Json))
        {
            JsonOutput.Write(screen.Output, StatusJson.From(first));
        }
        else if (!screen.IsRich)
        {
            StatusText.Write(first, screen.Output);
        }
        else if (result.GetValue(Once))
        {
            StatusScreen.Draw(first, screen.Console);
        }
        else
        {
            await WatchAsync(screen, daemon, first, TimeSpan.FromSeconds(result.GetValue(Interval)), cancellation);
        }

        return ExitCodes.Done;
    }

    private static async Task WatchAsync(Screen screen, StatusClient daemon, DaemonStatus first, TimeSpan interval, CancellationToken cancellation)
    {
        try
        {
            await StatusScreen.LiveAsync(screen.Console, SampleAsync(daemon, first, interval, cancellation));
        }
        catch (OperationCanceledException)
        {
            // How one ends watching.
        }
    }

    private static async IAsyncEnumerable<DaemonStatus> SampleAsync(
        StatusClient daemon, DaemonStatus first, TimeSpan interval, [EnumeratorCancellation] CancellationToken cancellation)
    {
        yield return first;
        while (true)
        {
            await Task.Delay(interval, cancellation);
            yield return daemon.Ask(Patience, cancellation);
        }
    }
}
