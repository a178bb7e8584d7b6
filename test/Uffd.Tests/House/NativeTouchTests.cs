namespace Uffd.Tests.House;

/// <summary>The tests' own tool: a touch neither hangs a collection nor the test.</summary>
public class NativeTouchTests
{
    [Fact]
    public async Task Collection_does_not_wait_for_a_touch()
    {
        using Arena arena = Arena.Create(1);
        Task<byte> touch = NativeTouch.ReadByteAsync(arena.Range.Start);
        arena.ReadOne();
        await NativeTouch.Run(() =>
        {
            GC.Collect();
            return true;
        });
        Assert.False(touch.IsCompleted);
        arena.Userfaultfd.ZeroPage(arena.Range).ThrowIfIncomplete();
        await touch;
    }

    [Fact]
    public async Task Touch_that_nobody_serves_ends_by_timeout()
    {
        using Arena arena = Arena.Create(1);
        await Assert.ThrowsAsync<TimeoutException>(() => NativeTouch.ReadByteAsync(arena.Range.Start, TimeSpan.FromMilliseconds(50)));
        arena.Userfaultfd.ZeroPage(arena.Range).ThrowIfIncomplete();
    }

    [Fact]
    public async Task Bytes_are_those_of_the_memory()
    {
        using MemoryMapping mapping = MemoryMapping.CreateAnonymous(2 * Arena.Page);
        await NativeTouch.FillAsync(mapping.Address + Arena.Page, 7, Arena.Page);
        await NativeTouch.WriteByteAsync(mapping.Address, 9);
        Assert.Equal([9, 7], await NativeTouch.ReadPagesAsync(mapping.Range, Arena.Page));
        byte[] bytes = await NativeTouch.ReadAsync(mapping.Address, (int)mapping.Length);
        Assert.Equal(mapping.AsSpan().ToArray(), bytes);
    }

    [Fact]
    public void Missing_requirement_skips_or_fails_and_says_why()
    {
        Exception? exception = null;
        try
        {
            Requires.That(condition: false, "there is no moon");
        }
        catch (Exception caught)
        {
            exception = caught; // not through Record, which lets a skip pass
        }

        Assert.NotNull(exception);
        Assert.Contains("there is no moon", exception.Message, StringComparison.Ordinal);
        Assert.Equal(Requires.IsStrict, exception.Message.StartsWith("UFFD_REQUIRE=1", StringComparison.Ordinal));
        Requires.That(condition: true, "there is a sun");
    }
}
