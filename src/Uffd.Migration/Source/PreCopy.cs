using System.Globalization;

namespace Uffd.Migration;

/// <summary>The rounds: sends what is pending, sees what was written meanwhile, and decides when to switch, and how.</summary>
internal sealed class PreCopy
{
    private const ulong TellingBytes = 8 << 20; // a round of fewer says more of waiting than of the rate of sending
    private const double Shrinks = 0.85;
    private const int MostMore = 4;
    private const double ThrottleStep = 0.2;
    private const double MostThrottle = 0.95;

    private static readonly TimeSpan Negligible = TimeSpan.FromMilliseconds(0.5);

    private readonly SourceRegions _regions;
    private readonly IMigrationWorkload _workload;
    private readonly MigrationSourceOptions _options;
    private readonly Tally _tally;
    private readonly Action<MigrationEventKind, string> _tell;
    private double _bytesPerSecond;
    private ulong _leftBefore = ulong.MaxValue;
    private int _stuck;
    private int _more;
    private double _throttle;

    public PreCopy(SourceRegions regions, IMigrationWorkload workload, MigrationSourceOptions options, Tally tally, Action<MigrationEventKind, string> tell)
        => (_regions, _workload, _options, _tally, _tell) = (regions, workload, options, tally, tell);

    /// <summary>What to do next.</summary>
    public enum Next
    {
        /// <summary>Another round.</summary>
        Round,

        /// <summary>Stop the workload and send the rest.</summary>
        Switch,

        /// <summary>Stop it, and leave the rest to post-copy.</summary>
        PostCopy,
    }

    /// <summary>Set from outside: switch after this round, whatever is left.</summary>
    public bool IsHurried { get; set; }

    /// <summary>How long what is pending would take, as far as is known.</summary>
    public TimeSpan EstimateRest()
        => _regions.PendingBytes == 0 ? TimeSpan.Zero
            : _bytesPerSecond <= 0 ? TimeSpan.MaxValue
            : TimeSpan.FromSeconds(Math.Min(_regions.PendingBytes / _bytesPerSecond, TimeSpan.FromDays(1).TotalSeconds));

    /// <summary>Decides after a round.</summary>
    /// <param name="sentBytes">What it sent.</param>
    /// <param name="took">How long it took, until all had arrived.</param>
    /// <exception cref="MigrationException">It is never going to end, and that was to be an error.</exception>
    public Next Decide(ulong sentBytes, TimeSpan took)
    {
        if (sentBytes >= TellingBytes || _bytesPerSecond <= 0)
        {
            _bytesPerSecond = sentBytes / Math.Max(took.TotalSeconds, 1e-6);
        }

        ulong left = _regions.PendingBytes;
        _tally.WrittenBytesPerSecond = left / Math.Max(took.TotalSeconds, 1e-6);
        TimeSpan rest = EstimateRest();
        _tell(MigrationEventKind.Round, string.Create(
            CultureInfo.InvariantCulture,
            $"round {_tally.Round} sent {sentBytes >> 10} KiB in {took.TotalMilliseconds:0} ms; {left >> 10} KiB were written meanwhile, which would take {rest.TotalMilliseconds:0.#} ms"));
        if (IsHurried)
        {
            return Next.PostCopy;
        }

        if (rest <= _options.MaxDowntime * 0.8)
        {
            // It would do. As long as a round more halves what is left, and soon, the workload need not stand for that.
            bool pays = rest > Negligible && left < _leftBefore / 2 && _more++ < MostMore && _tally.Round < _options.MaxRounds;
            _leftBefore = left;
            return pays ? Next.Round : Next.Switch;
        }

        _stuck = left > _leftBefore * Shrinks ? _stuck + 1 : 0;
        _leftBefore = left;
        return _stuck >= 2 || _tally.Round >= _options.MaxRounds ? GiveWay() : Next.Round;
    }

    /// <summary>The workload runs at full speed again.</summary>
    public void LetGo()
    {
        if (_throttle > 0)
        {
            _throttle = 0;
            _workload.Throttle(0);
        }
    }

    private Next GiveWay()
    {
        switch (_options.NotConverging)
        {
            case NotConverging.Throttle when _throttle < MostThrottle:
                double share = Math.Min(MostThrottle, _throttle + ThrottleStep);
                if (_workload.Throttle(share))
                {
                    _throttle = share;
                    _stuck = 0;
                    _tell(MigrationEventKind.Throttled, string.Create(CultureInfo.InvariantCulture, $"the memory is written faster than it is sent: the workload is held back for {share * 100:0} % of the time"));
                    return Next.Round;
                }

                return Next.PostCopy;
            case NotConverging.Stop:
                return Next.Switch;
            case NotConverging.Fail:
                throw new MigrationException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"the memory is written at {_tally.WrittenBytesPerSecond / 1e6:0} MB/s and sent at {_bytesPerSecond / 1e6:0} MB/s: allow post-copy, throttling or a longer downtime"));
            default:
                return Next.PostCopy;
        }
    }
}
