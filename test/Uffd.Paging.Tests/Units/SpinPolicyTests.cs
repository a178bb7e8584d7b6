namespace Uffd.Paging.Tests.Units;

/// <summary>The policy against processes that fault as told, by a clock that is only counted: a unit is a nanosecond.</summary>
public class SpinPolicyTests
{
    private const long Microsecond = 1000;
    private const int Many = 20_000;

    private readonly SpinPolicy _policy = new(frequency: 1_000_000_000);
    private long _now = 1;
    private int _spins;
    private int _waits;

    [Fact]
    public void Spins_where_the_faults_cross_cpus()
    {
        // A sleeping handler is woken across CPUs, a spinning one is there already.
        Run(Many, spinning => spinning ? (12, 5) : (30, 5));
        Assert.True(_policy.IsSpinning);
        Assert.InRange(_spins, Many * 9 / 10, Many);
    }

    [Fact]
    public void Sleeps_where_spinning_keeps_the_two_apart()
    {
        // Asleep it shares a CPU with the thread that faults; spinning it has one for itself, and the gaps look short all the same.
        Run(Many, spinning => spinning ? (15, 5) : (4, 4));
        Assert.False(_policy.IsSpinning);
        Assert.InRange(_spins, 1, Many / 50); // tried, now and then
    }

    [Fact]
    public void Sleeps_where_the_next_fault_never_comes_while_it_spins()
    {
        // One CPU for both: the fault comes when the spin is over and the thread may run.
        Run(Many, spinning => spinning ? (36, 5) : (6, 5));
        Assert.False(_policy.IsSpinning);
        Assert.InRange(_spins, 1, Many / 50);
    }

    [Fact]
    public void Trial_in_which_no_spin_helps_is_short()
    {
        Run(1_000, spinning => spinning ? (36, 5) : (6, 5));
        Assert.InRange(_spins, 1, 9);
    }

    [Fact]
    public void Pauses_of_the_handler_itself_decide_nothing()
    {
        // Somebody else has its CPU for 3 ms now and then: each way looks slow when it is hit, and neither is.
        int index = 0;
        Run(Many, spinning => (spinning ? 15 : 4, index++ % 40 == 0 ? 3000 : 4));
        Assert.False(_policy.IsSpinning);
        Assert.InRange(_spins, 1, Many / 50);
    }

    [Fact]
    public void Sleeps_where_nothing_is_gained()
    {
        Run(Many, _ => (20, 5));
        Assert.False(_policy.IsSpinning);
        Assert.InRange(_spins, 1, Many / 50);
    }

    [Fact]
    public void Faults_that_come_in_company_are_not_waited_for()
    {
        // Most are there when it looks again, as on one CPU: a wait in a hundred faults is not worth a trial.
        Run(200, _ => (10, 500), served: 100);
        Assert.Equal(0, _spins);
    }

    [Fact]
    public void Slow_process_is_not_spun_for()
    {
        Run(Many, _ => (150, 5)); // pauses that no spin outlasts
        Assert.InRange(_spins, 0, Many / 50);
    }

    [Fact]
    public void Idle_process_is_not_spun_for()
    {
        Run(Many, spinning => spinning ? (12, 5) : (30, 5));
        _spins = 0;
        for (int second = 0; second < 100; second++)
        {
            Wait(1_000_000 * Microsecond, served: 0);
        }

        Assert.Equal(0, _spins);
    }

    [Fact]
    public void Pauses_say_nothing_about_either_way()
    {
        // A pause of a second every so often; what lies between them decides.
        for (int burst = 0; burst < 100; burst++)
        {
            Run(200, spinning => spinning ? (12, 5) : (30, 5));
            Run(1, _ => (1_000_000, 5));
        }

        Assert.True(_policy.IsSpinning);
    }

    [Fact]
    public void Changes_its_mind_when_the_process_does()
    {
        Run(Many, spinning => spinning ? (12, 5) : (30, 5));
        Assert.True(_policy.IsSpinning);
        Run(1_000, _ => (100, 5)); // slower than a spin lasts: soon no more
        Assert.False(_policy.IsSpinning);
        Run(10 * Many, spinning => spinning ? (12, 5) : (30, 5));
        Assert.True(_policy.IsSpinning);
    }

    /// <param name="waits">How often.</param>
    /// <param name="of">Microseconds until the next fault, and until it is served, by whether the handler spins.</param>
    /// <param name="served">Faults before each wait.</param>
    private void Run(int waits, Func<bool, (long Gap, long Service)> of, int served = 1)
    {
        for (int index = 0; index < waits; index++)
        {
            (long gap, long service) = of(_policy.IsSpinning);
            Wait(gap * Microsecond, served);
            _now += service * Microsecond;
        }
    }

    private void Wait(long gap, int served)
    {
        _waits++;
        _spins += _policy.BeforeWait(_now, served) ? 1 : 0;
        _now += gap;
        _policy.AfterWait(_now);
    }
}
