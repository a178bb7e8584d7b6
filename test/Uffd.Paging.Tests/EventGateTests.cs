namespace Uffd.Paging.Tests;

/// <summary>The gate between reading events and installing pages.</summary>
public class EventGateTests
{
    private const int Rounds = 20_000;

    [Fact]
    public void Only_one_is_inside()
    {
        var gate = new EventGate();
        int inside = 0;
        int most = 0;
        int total = 0;
        using var start = new Barrier(3);
        Thread[] threads = [.. Enumerable.Range(0, 3).Select(index => new Thread(() =>
        {
            start.SignalAndWait();
            for (int round = 0; round < Rounds; round++)
            {
                using (index == 0 ? gate.EnterToRead() : gate.EnterToInstall())
                {
                    most = Math.Max(most, ++inside); // plain on purpose: two at once would lose counts
                    total++;
                    inside--;
                }
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => Assert.True(thread.Join(TimeSpan.FromSeconds(60)), "a thread never came through"));
        Assert.Equal(1, most);
        Assert.Equal(3 * Rounds, total);
    }

    [Fact]
    public void Owner_may_enter_again()
    {
        var gate = new EventGate();
        using (gate.EnterToRead())
        {
            using (gate.EnterToRead())
            {
            }

            var other = new Thread(() =>
            {
                using (gate.EnterToInstall())
                {
                }
            });
            other.Start();
            Assert.False(other.Join(TimeSpan.FromMilliseconds(20)), "the inner scope let go of it");
        }

        using (gate.EnterToInstall())
        {
        }
    }
}
