using System.Diagnostics;

namespace Uffd.Paging.Tests.Units;

public sealed class ParkedFaultsTests : IDisposable
{
    private readonly PageStateMap _map = new(100);
    private readonly ParkedFaults _parked = new();

    public void Dispose() => _map.Dispose();

    [Fact]
    public void Nothing_is_due_when_nothing_is_parked()
    {
        Assert.True(_parked.IsEmpty);
        Assert.False(_parked.TryTakeDue(long.MaxValue, out _));
    }

    [Fact]
    public void Due_comes_in_order_and_not_before_its_time()
    {
        _parked.AddLater(new PageKey(_map, 3), 2, TimeSpan.FromMinutes(3));
        _parked.AddLater(new PageKey(_map, 1), 1, TimeSpan.FromMinutes(1));
        _parked.AddSoon(new PageKey(_map, 0), 0);
        Assert.False(_parked.IsEmpty);
        Assert.Equal(0, Take(After(TimeSpan.FromSeconds(1)))?.Key.Page);
        Assert.Null(Take(After(TimeSpan.FromSeconds(50))));
        Assert.InRange(_parked.UntilNext(), TimeSpan.FromSeconds(50), TimeSpan.FromSeconds(60));
        ParkedFault first = Take(After(TimeSpan.FromMinutes(4)))!.Value;
        Assert.Equal((1L, 1), (first.Key.Page, first.Attempts));
        Assert.Equal(3, Take(After(TimeSpan.FromMinutes(4)))?.Key.Page);
        Assert.True(_parked.IsEmpty);
    }

    [Fact]
    public void What_is_parked_now_is_not_due_now()
    {
        // The loop takes what is due once per round: parking again in the round must wait for the next.
        long now = Stopwatch.GetTimestamp();
        _parked.AddSoon(new PageKey(_map, 0), 0);
        Assert.Null(Take(now));
    }

    [Fact]
    public void Tries_grow_slow_and_an_event_makes_them_eager_again()
    {
        var slow = TimeSpan.FromMilliseconds(0.5);
        for (int index = 0; index < 32; index++)
        {
            Assert.True(Wait() < slow, $"try {index} was slow");
        }

        Assert.True(Wait() > slow);
        _parked.MakeDue();
        Assert.True(Wait() < slow);

        TimeSpan Wait()
        {
            long before = Stopwatch.GetTimestamp();
            _parked.AddSoon(new PageKey(_map, 0), 0);
            return Stopwatch.GetElapsedTime(before, Take(long.MaxValue)!.Value.DueTimestamp) - Stopwatch.GetElapsedTime(before);
        }
    }

    [Fact]
    public void Address_outside_of_regions_is_kept()
    {
        _parked.AddOutside(0x1234000);
        ParkedFault parked = Take(long.MaxValue)!.Value;
        Assert.Null(parked.Key.Map);
        Assert.Equal(0x1234000UL, parked.OutsideAddress);
    }

    [Fact]
    public void Pause_ends()
    {
        _parked.Pause(TimeSpan.FromMinutes(1));
        Assert.True(_parked.IsPaused);
        Assert.False(_parked.IsEmpty);
        Assert.InRange(_parked.UntilNext(), TimeSpan.FromSeconds(50), TimeSpan.FromSeconds(60));
        Assert.Null(Take(After(TimeSpan.FromMinutes(2))));
        Assert.False(_parked.IsPaused);
        Assert.True(_parked.IsEmpty);
        _parked.Pause(TimeSpan.Zero);
        Assert.False(_parked.IsPaused);
        Assert.Equal(TimeSpan.Zero, _parked.UntilNext());
    }

    private static long After(TimeSpan time) => Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);

    private ParkedFault? Take(long now) => _parked.TryTakeDue(now, out ParkedFault parked) ? parked : null;
}
