using Uffd.Paging;

namespace Uffd.PagerProcess.Tests.Units;

/// <summary>How much comes with a page.</summary>
public class RawAheadTests
{
    [Fact]
    public void Runs_double_up_to_the_most_for_who_goes_on()
    {
        var ahead = new RawAhead(mostPages: 16);
        long page = 100;
        var runs = new List<int>();
        for (int step = 0; step < 6; step++)
        {
            int run = ahead.Plan(page);
            ahead.Planned(new RawFill(page, run, page, IsWrite: false));
            runs.Add(run);
            page += run;
        }

        Assert.Equal([1, 2, 4, 8, 16, 16], runs);
    }

    [Fact]
    public void Downwards_is_an_order_too()
    {
        var ahead = new RawAhead(mostPages: 8);
        long page = 100;
        var runs = new List<int>();
        for (int step = 0; step < 5; step++)
        {
            int run = Math.Abs(ahead.Plan(page));
            ahead.Planned(new RawFill(page - run + 1, run, page, IsWrite: false));
            runs.Add(run);
            page -= run;
        }

        Assert.Equal([1, 2, 4, 8, 8], runs);
    }

    [Fact]
    public void Several_in_order_do_not_disturb_each_other_and_random_ones_get_single_pages()
    {
        var ahead = new RawAhead(mostPages: 16);
        long[] pages = [0, 1000, 2000];
        for (int step = 0; step < 4; step++)
        {
            for (int stream = 0; stream < pages.Length; stream++)
            {
                int run = ahead.Plan(pages[stream]);
                Assert.Equal(1 << step, run);
                ahead.Planned(new RawFill(pages[stream], run, pages[stream], IsWrite: false));
                pages[stream] += run;
            }
        }

        Assert.Equal(1, ahead.Plan(77777));
    }
}
