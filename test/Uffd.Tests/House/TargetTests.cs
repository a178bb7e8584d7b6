namespace Uffd.Tests.House;

/// <summary>The tests' own tool: what others rely on.</summary>
public class TargetTests
{
    private const ulong Page = 4096;

    [Fact]
    public async Task Target_hands_over_and_is_served()
    {
        Requires.Features(UffdFeatures.None);
        await using NativeTarget target = await NativeTarget.StartAsync();
        AddressRange region = await target.MapAsync(16 * Page);
        await target.CreateUserfaultfdAsync();
        await target.RegisterAsync(UffdRegisterModes.Missing);
        using Userfaultfd userfaultfd = await target.HandOverAsync();

        TargetJob touch = await target.BeginTouchAsync(threads: 3, 0, Page);
        Assert.False(await touch.IsDoneAsync());
        byte[] content = new byte[16 * Page];
        Random.Shared.NextBytes(content);
        userfaultfd.Copy(region.Start, content).ThrowIfIncomplete();

        TouchResult[] values = await touch.JoinTouchesAsync();
        Assert.Equal(6, values.Length);
        Assert.Equal(Enumerable.Range(0, 6).Select(index => (int)content[index % 2 * (int)Page]), values.Select(value => value.Value));
        Assert.Equal(NativeTarget.Hash(content), await target.HashAsync(0, region.Length));
        Assert.Equal(content[..64], await target.DumpAsync(0, 64));
    }

    [Fact]
    public async Task Errors_are_told_by_name()
    {
        await using NativeTarget target = await NativeTarget.StartAsync();
        Assert.Equal(Errno.ENOSYS, (await target.TryAsync("nonsense")).Errno);
        Assert.Equal(Errno.EINVAL, (await target.TryAsync("map 4096 paper")).Errno);
        TargetException exception = await Assert.ThrowsAsync<TargetException>(() => target.ConnectAsync("/nowhere/at/all"));
        Assert.Equal(Errno.ENOENT, exception.Errno);
    }

    [Fact]
    public async Task Forked_child_obeys_and_ends()
    {
        await using NativeTarget target = await NativeTarget.StartAsync();
        await target.MapAsync(2 * Page);
        await target.WriteAsync(0, 1);
        int child = await target.ForkAsync();
        Assert.Equal(child.ToString(System.Globalization.CultureInfo.InvariantCulture), await target.Child.RunAsync("pid"));
        await target.Child.WriteAsync(0, 2);
        Assert.Equal(1, (await target.TouchAsync(0)).Value);
        Assert.Equal(2, (await target.Child.TouchAsync(0)).Value);
        await target.Child.RunAsync("exit");
        Assert.Equal("exit 0", await target.RunAsync("waitchild"));
    }

    [Fact]
    public async Task Touch_without_memory_is_a_signal_and_not_the_end()
    {
        await using NativeTarget target = await NativeTarget.StartAsync();
        await target.MapAsync(2 * Page);
        await target.RunAsync("munmap 0 4096");
        Assert.Equal(TouchResult.Sigsegv, await target.TouchAsync(0));
        Assert.Equal(TouchResult.Sigsegv, await target.WriteAsync(0, 1));
        Assert.Equal(0, (await target.TouchAsync(Page)).Value);
    }

    [Fact]
    public async Task Touch_that_nobody_serves_ends_by_timeout()
    {
        Requires.Features(UffdFeatures.None);
        await using NativeTarget target = await NativeTarget.StartAsync(TimeSpan.FromMilliseconds(200));
        await target.MapAsync(Page);
        await target.CreateUserfaultfdAsync();
        await target.RegisterAsync(UffdRegisterModes.Missing);
        await Assert.ThrowsAsync<TimeoutException>(() => target.TouchAsync(0));
        await Assert.ThrowsAsync<TargetException>(() => target.RunAsync("pid"));
    }
}
