using System.Text.Json;
using Uffd.Daemon;
using Uffd.Paging;
using Uffd.Tool.Output;

namespace Uffd.Tool.Tests.Serving;

/// <summary>The lines that the daemon's events become.</summary>
public sealed class ServePrinterTests
{
    private static readonly AddressSpaceStatistics Served = new() { Faults = 3, DemandPages = 4, BackgroundPages = 5, ZeroPages = 1, TotalPages = 9 };

    public static TheoryData<DaemonEvent, string> Events => new()
    {
        { new(DaemonEventKind.Ready, "/run/vm.sock"), "ready /run/vm.sock" },
        { new(DaemonEventKind.Attached, "512 MiB in 2 regions", 7, 123), "client 7 pid 123: attached, 512 MiB in 2 regions" },
        {
            new(DaemonEventKind.Resident, "resident", 7, 123, 36864, 0.126, Served),
            "client 7 pid 123: resident after 0.13 s, 36 KiB: 3 faults; pages: 4 on demand, 5 in the background, 1 of them zero"
        },
        {
            new(DaemonEventKind.Gone, "served no longer", 7, 123, 36864, 2, Served with { ReplayedPages = 6, PendingPages = 2, RemovedPages = 3, PoisonedPages = 4 }),
            "client 7 pid 123: served no longer after 2.00 s, 36 KiB: 3 faults; pages: 4 on demand, 5 in the background, 1 of them zero, 6 replayed, 2 never asked for, 3 discarded, 4 POISONED"
        },
        { new(DaemonEventKind.Refused, "no", ProcessId: 123), "refused pid 123: no" },
        { new(DaemonEventKind.Refused, "no"), "refused: no" },
        { new(DaemonEventKind.Notice, "a page was poisoned", 7, 123), "client 7 pid 123: a page was poisoned" },
        { new(DaemonEventKind.Notice, "new clients have to wait"), "new clients have to wait" },
        { new(DaemonEventKind.Draining, "bringing the 3 pages"), "stopping: bringing the 3 pages" },
        { new(DaemonEventKind.Stopped, "stopped"), "stopped" },
    };

    [Theory]
    [MemberData(nameof(Events))]
    public void Event_is_a_line_of_text_and_one_of_json(DaemonEvent happened, string line)
    {
        Assert.Equal(line, ServePrinter.ToLine(happened));
        var output = new StringWriter();
        using (var printer = new ServePrinter(output, json: true))
        {
            printer.Print(happened);
        }

        string printed = output.ToString();
        Assert.Equal(printed.Length - 1, printed.IndexOf('\n', StringComparison.Ordinal));
        using JsonDocument document = JsonDocument.Parse(printed);
        Assert.Equal(happened.Message, document.RootElement.GetProperty("message").GetString());
        Assert.Equal(happened.Client != 0, document.RootElement.GetProperty("client").ValueKind == JsonValueKind.Number);
        Assert.Equal(happened.Statistics is not null, document.RootElement.GetProperty("counts").ValueKind == JsonValueKind.Object);
    }

    [Fact]
    public void Ready_is_the_first_line_whatever_was_noticed_before()
    {
        var output = new StringWriter();
        using (var printer = new ServePrinter(output, json: false))
        {
            printer.Print(new DaemonEvent(DaemonEventKind.Notice, "metrics do not arrive"));
            printer.Print(new DaemonEvent(DaemonEventKind.Ready, "/run/vm.sock"));
            printer.Print(new DaemonEvent(DaemonEventKind.Notice, "later"));
        }

        Assert.Equal("ready /run/vm.sock\nmetrics do not arrive\nlater\n", output.ToString());
    }

    [Fact]
    public void Lines_that_cannot_be_written_do_not_reach_the_daemon()
    {
        using var printer = new ServePrinter(new FullDisk(), json: false);
        printer.Print(new DaemonEvent(DaemonEventKind.Refused, "one"));
        printer.Print(new DaemonEvent(DaemonEventKind.Refused, "two"));
    }

    [Fact]
    public void Lines_that_nobody_takes_are_counted_and_the_last_ones_still_come()
    {
        using var output = new StuckOutput();
        using (var printer = new ServePrinter(output, json: false))
        {
            for (int count = 0; count < 2 * ServePrinter.MaxWaiting; count++)
            {
                printer.Print(new DaemonEvent(DaemonEventKind.Refused, "line")); // returns at once
            }

            output.Release();
        }

        string[] lines = output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.InRange(lines.Length, ServePrinter.MaxWaiting, ServePrinter.MaxWaiting + 3);
        Assert.Contains(lines, line => line.EndsWith("lines were lost: nobody read them", StringComparison.Ordinal));
    }

    private sealed class FullDisk : StringWriter
    {
        public override void WriteLine(string? value) => throw new IOException("No space left on device");
    }

    private sealed class StuckOutput : StringWriter
    {
        private readonly ManualResetEventSlim _released = new();

        public void Release() => _released.Set();

        public override void WriteLine(string? value)
        {
            Assert.True(_released.Wait(ServeProcess.Patience));
            base.WriteLine(value);
        }

        protected override void Dispose(bool disposing)
        {
            _released.Dispose();
            base.Dispose(disposing);
        }
    }
}
