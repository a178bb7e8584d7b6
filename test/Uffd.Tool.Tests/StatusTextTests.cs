using Uffd.Daemon;
using Uffd.Paging;
using Uffd.Tool.Output;

namespace Uffd.Tool.Tests;

/// <summary>What the status's cells say.</summary>
public sealed class StatusTextTests
{
    [Fact]
    public void Second_sample_gives_rates_and_latencies_of_the_time_between()
    {
        DaemonStatus before = Status(10, new ClientStatus { Number = 1, ProcessId = 7, Counts = Counts(100, 1 << 20, 1_000) });
        DaemonStatus now = Status(
            12,
            new ClientStatus { Number = 1, ProcessId = 7, Counts = Counts(300, 5 << 20, 1_000, 1_000_000) },
            new ClientStatus { Number = 2, ProcessId = 8, Counts = Counts(50, 0, 2_000) });
        StatusTable table = StatusText.Table(now, before);
        Assert.Equal(["#", "pid", "size", "resident", "faults/s", "fill p50", "fill p99", "demand", "background", "MiB/s"], table.Columns.Select(column => column.Name), StringComparer.Ordinal);
        Assert.Equal(["1", "7", "8 MiB", "50 %", "100", "1.0 ms", "1.0 ms", "0", "0", "2"], table.Clients[0], StringComparer.Ordinal);
        Assert.Equal(["2", "8", "8 MiB", "50 %", "25", "2.0 us", "2.0 us", "0", "0", "0"], table.Clients[1], StringComparer.Ordinal);
    }

    [Fact]
    public void Columns_that_do_not_fit_are_left_out_and_trouble_never_is()
    {
        DaemonStatus status = Status(10, new ClientStatus { Number = 1, ProcessId = 7, Name = "firecracker", Counts = Counts(100, 1 << 20, 1_000) with { PoisonedPages = 1, Retries = 2 } });
        Assert.Contains("POISONED", StatusText.Table(status).Columns.Select(column => column.Name), StringComparer.Ordinal);
        Assert.Contains("name", StatusText.Table(status).Columns.Select(column => column.Name), StringComparer.Ordinal);
        StatusTable narrow = StatusText.Table(status, width: 60);
        Assert.True(narrow.Columns.Sum(column => column.Name.Length + 2) <= 60);
        Assert.Contains("POISONED", narrow.Columns.Select(column => column.Name), StringComparer.Ordinal);
        Assert.DoesNotContain("#", narrow.Columns.Select(column => column.Name), StringComparer.Ordinal);
    }

    [Fact]
    public void Where_there_are_too_many_the_busiest_are_shown_in_their_order()
    {
        DaemonStatus status = Status(10, [.. Enumerable.Range(1, 9).Select(number => new ClientStatus { Number = number, ProcessId = 100 + number, Counts = Counts(number * 7 % 10, 0) })]);
        StatusTable table = StatusText.Table(status, most: 3);
        Assert.Equal(["1", "4", "7"], table.Clients.Select(row => row[0]), StringComparer.Ordinal); // 7, 8 and 9 faults
        Assert.Equal(3, table.Clients.Count);
        Assert.Contains("6 not shown", table.Totals, StringComparer.Ordinal);
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(0.44, "0.4")]
    [InlineData(812, "812")]
    [InlineData(9_999, "9,999")]
    [InlineData(10_000, "10k")]
    [InlineData(130_260, "130k")]
    [InlineData(999_600, "1.0M")]
    [InlineData(1_234_567, "1.2M")]
    [InlineData(9.2e18, "9.2E")]
    public void Numbers_are_short(double number, string text) => Assert.Equal(text, Figures.Short(number));

    [Theory]
    [InlineData(0, "-")]
    [InlineData(14_400, "14.4 us")]
    [InlineData(2_100_000, "2.1 ms")]
    [InlineData(1_500_000_000, "1.5 s")]
    public void Durations_have_units(double nanoseconds, string text) => Assert.Equal(text, Figures.Duration(nanoseconds));

    [Theory]
    [InlineData(4.2, "4.2 s")]
    [InlineData(185, "3 min 05 s")]
    [InlineData(7800, "2 h 10 min")]
    [InlineData(273_600, "3 d 4 h")]
    public void Time_it_has_been_running_is_readable(double seconds, string text) => Assert.Equal(text, Figures.Span(seconds));

    [Fact]
    public void Trouble_is_told_and_only_what_there_was()
    {
        string text = NumbersText.Format(Status(10) with { Totals = Counts(10, 1 << 20) with { MissingFaults = 8, DuplicateFaults = 2, PoisonedPages = 3, SourceFailures = 12 } });
        Assert.Contains("faults      10: 8 missing, 2 duplicate", text, StringComparison.Ordinal);
        Assert.Contains("trouble     3 pages POISONED, 12 failed reads", text, StringComparison.Ordinal);
        Assert.DoesNotContain("source", text, StringComparison.Ordinal);
    }

    private static DaemonStatus Status(double seconds, params ClientStatus[] clients)
        => new() { ProcessId = 1, Seconds = seconds, MaxClients = 1024, ClientCount = clients.Length, Clients = clients };

    private static AddressSpaceStatistics Counts(long faults, long copied, params long[] fills)
    {
        var latency = new LatencyHistogram();
        foreach (long fill in fills)
        {
            latency.Add(fill);
        }

        return new AddressSpaceStatistics { Faults = faults, CopiedBytes = copied, FillLatency = latency, TotalBytes = 8 << 20, ResidentBytes = 4 << 20 };
    }
}
