using System.Globalization;
using Uffd.Daemon;
using Uffd.Paging;

namespace Uffd.Tool.Output;

/// <summary>Prints what the daemon tells: a line each, as text or as JSON. Programs wait for the line <c>ready PATH</c>.</summary>
internal sealed class ServePrinter
{
    private readonly TextWriter _output;
    private readonly bool _json;

    public ServePrinter(TextWriter output, bool json)
    {
        _output = output;
        _json = json;
    }

    /// <summary>Prints one event and flushes it.</summary>
    public void Print(DaemonEvent happened)
    {
        if (_json)
        {
            JsonOutput.WriteLine(_output, ServeJson.From(happened));
        }
        else
        {
            _output.WriteLine(ToLine(happened));
        }

        _output.Flush();
    }

    internal static string ToLine(DaemonEvent happened)
    {
        string client = string.Create(CultureInfo.InvariantCulture, $"client {happened.Client} pid {happened.ProcessId}");
        return happened.Kind switch
        {
            DaemonEventKind.Ready => $"ready {happened.Message}",
            DaemonEventKind.Attached => $"{client}: attached, {happened.Message}",
            DaemonEventKind.Resident or DaemonEventKind.Gone => $"{client}: {happened.Message} after {Seconds(happened.Seconds)}, {Describe(happened)}",
            DaemonEventKind.Refused when happened.ProcessId != 0 => string.Create(CultureInfo.InvariantCulture, $"refused pid {happened.ProcessId}: {happened.Message}"),
            DaemonEventKind.Refused => $"refused: {happened.Message}",
            DaemonEventKind.Notice when happened.Client != 0 => $"{client}: {happened.Message}",
            DaemonEventKind.Draining => $"stopping: {happened.Message}",
            _ => happened.Message,
        };
    }

    private static string Seconds(double seconds) => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.00} s");

    private static string Describe(DaemonEvent happened)
    {
        AddressSpaceStatistics served = happened.Statistics!;
        string text = string.Create(
            CultureInfo.InvariantCulture,
            $"{Sizes.Format(happened.Bytes)}: {served.Faults} faults; pages: {served.DemandPages} on demand, {served.BackgroundPages} in the background, {served.ZeroPages} of them zero");
        text += served.PendingPages > 0 ? string.Create(CultureInfo.InvariantCulture, $", {served.PendingPages} never asked for") : "";
        text += served.RemovedPages > 0 ? string.Create(CultureInfo.InvariantCulture, $", {served.RemovedPages} discarded") : "";
        text += served.PoisonedPages > 0 ? string.Create(CultureInfo.InvariantCulture, $", {served.PoisonedPages} POISONED") : "";
        return text;
    }
}
