namespace Uffd.Paging;

/// <summary>
/// Decides whether to look for the next fault for a moment before sleeping, by what it sees: two ways of waiting take turns as
/// the one that is used and the one that is tried, and the one whose faults follow each other faster stays (docs/adr/0008). Used
/// by one thread; told the time, and reads no clock.
/// </summary>
/// <remarks>
/// Whether spinning helps cannot be told from the gaps alone. Where the faulting thread has another CPU, it saves a wake-up each
/// fault. Where both could share one, it keeps them apart: the gaps look short, and each fault costs three times as much. So
/// what counts is the time from fault to fault, measured both ways.
/// </remarks>
internal sealed class SpinPolicy
{
    /// <summary>How long a spin lasts at most: longer than a wake-up takes to cross from one CPU to another.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMicroseconds(30);

    private const int WindowFaults = 128;
    private const int TrialFaults = 24; // in each of the two windows of a trial: the worse way must not show in one fault of a hundred
    private const int TrialWindows = 2;
    private const int HopelessWaits = 8;
    private const int FirstBackOff = 16; // windows until the other way is tried again; twice as many each time that it was worse
    private const int LongestBackOff = 1024;
    private const double Better = 0.9; // what a trial must bring, so that noise does not decide

    private static readonly TimeSpan Pause = TimeSpan.FromMicroseconds(200); // who faults so seldom is thinking, not waiting for us

    private readonly long _limit;
    private readonly long _pause;
    private long _waitedAt;
    private long _gap = -1; // of the wait in hand, once it is over
    private long _windowTime;
    private int _windowFaults;
    private int _windowWaits;
    private int _windowHits; // waits that a spin would have ended
    private int _trial; // windows of the trial that are left
    private double _period; // from fault to fault, of the way that is used
    private int _untilTrial = 1;
    private int _backOff = FirstBackOff;

    /// <param name="frequency">Units of the timestamps a second.</param>
    public SpinPolicy(long frequency)
    {
        _limit = (long)(Limit.TotalSeconds * frequency);
        _pause = (long)(Pause.TotalSeconds * frequency);
    }

    /// <summary>Whether it spins at present.</summary>
    public bool IsSpinning { get; private set; }

    /// <summary>Told before each wait.</summary>
    /// <param name="now">The time.</param>
    /// <param name="served">How many faults were served since the last wait.</param>
    /// <returns>Whether to spin in this one.</returns>
    public bool BeforeWait(long now, int served)
    {
        // A pause of the process says nothing about either way, nor does one of ours, when somebody else had the CPU.
        if (_gap >= 0 && served > 0 && now - _waitedAt <= _pause + (_pause / 10 * served))
        {
            _windowTime += now - _waitedAt;
            _windowFaults += served;
            _windowWaits++;
            _windowHits += _gap <= _limit ? 1 : 0;
            bool hopeless = _trial > 0 && IsSpinning && _windowWaits == HopelessWaits && _windowHits * 4 <= _windowWaits;
            if (hopeless || _windowFaults >= (_trial > 0 ? TrialFaults : WindowFaults))
            {
                EndWindow();
            }
        }

        _waitedAt = now;
        _gap = -1;
        return IsSpinning && served > 0; // who was not busy just now is not worth a CPU
    }

    /// <summary>Told after each wait.</summary>
    /// <param name="now">The time.</param>
    public void AfterWait(long now) => _gap = now - _waitedAt;

    private void EndWindow()
    {
        double period = (double)_windowTime / _windowFaults;
        bool hits = _windowHits * 2 >= _windowWaits;
        bool waits = _windowWaits * 4 >= _windowFaults; // else faults come in company, and hardly one waits for us to wake up
        bool reachable = period <= _pause;
        _windowTime = 0;
        _windowFaults = _windowWaits = _windowHits = 0;
        if (_trial > 0)
        {
            bool better = period < _period * Better && (hits || !IsSpinning);
            if (better && --_trial > 0)
            {
                return; // twice, so that chance does not decide
            }

            _trial = 0;
            IsSpinning = better ? IsSpinning : !IsSpinning;
            _backOff = better ? FirstBackOff : Math.Min(_backOff * 2, LongestBackOff);
            _untilTrial = _backOff;
            return;
        }

        _period = period;
        if (IsSpinning && !hits)
        {
            IsSpinning = false; // the faults come slower now than a spin lasts
            _untilTrial = _backOff;
        }
        else if (--_untilTrial <= 0)
        {
            if (IsSpinning || (waits && reachable))
            {
                _trial = TrialWindows;
                IsSpinning = !IsSpinning;
            }
        }
    }
}
