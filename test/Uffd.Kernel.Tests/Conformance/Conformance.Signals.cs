using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests;

/// <content>Faults that end in a signal.</content>
public sealed partial class Conformance
{
    /// <summary>With SIGBUS a missing page is a signal and no message, in a forked child too.</summary>
    [Theory]
    [Memory]
    public Task Sigbus(MemoryKind memory) => SigbusFaults(memory, protect: false);

    /// <summary>The same for pages that come write-protected: their first write is a signal, until they are unprotected.</summary>
    [Theory]
    [Memory]
    public Task SigbusWp(MemoryKind memory) => SigbusFaults(memory, protect: true);

    /// <summary>Poisoned pages are a signal for who waits and for who comes later; the others have their content.</summary>
    [Theory]
    [Memory]
    public async Task Poison(MemoryKind memory)
    {
        await using TargetArea area = await TargetArea.StartAsync(memory, UffdFeatures.Poison, UffdRegisterModes.Missing);
        int faults = 0;
        TargetJob touch = await area.Target.BeginTouchAsync(threads: 1, area.Offsets);
        TouchResult[] values = await area.Session.ServeAsync(touch.JoinTouchesAsync(), message =>
        {
            int page = area.PageOf(message.PageFault.Address);
            UffdResult result = page % 2 == 0
                ? area.Userfaultfd.Poison(area.PageAt(page))
                : area.Userfaultfd.Copy(area.PageAt(page).Start, memory.Page(0));
            Assert.Equal(new UffdResult(area.PageSize, Errno.None), result);
            faults++;
        });
        TouchResult[] expected = [.. Enumerable.Range(0, area.Pages).Select(page => page % 2 == 0 ? TouchResult.Sigbus : new TouchResult(0, Signal: null))];
        Assert.Equal(expected, values);
        Assert.Equal(area.Pages, faults);

        TargetJob again = await area.Target.BeginTouchAsync(threads: 1, area.Offsets);
        Assert.Equal(expected, await again.JoinTouchesAsync());
        area.Session.AssertSilent();
    }

    private static async Task SigbusFaults(MemoryKind memory, bool protect)
    {
        UffdRegisterModes modes = UffdRegisterModes.Missing | (protect ? UffdRegisterModes.WriteProtect : 0);
        await using TargetArea area = await TargetArea.StartAsync(memory, UffdFeatures.Sigbus | UffdFeatures.EventFork, modes);
        for (int page = 0; page < area.Pages; page++)
        {
            ulong offset = (ulong)page * area.PageSize;
            byte value = MemoryKinds.Value(page);
            Assert.Equal(TouchResult.Sigbus, await area.Target.TouchAsync(offset));
            area.Userfaultfd.Copy(area.PageAt(page).Start, memory.Page(value), protect ? UffdCopyModes.WriteProtect : UffdCopyModes.None).ThrowIfIncomplete();
            Assert.Equal(new TouchResult(value, Signal: null), await area.Target.TouchAsync(offset));
            if (protect)
            {
                Assert.Equal(TouchResult.Sigbus, await area.Target.WriteAsync(offset, 99));
                area.Userfaultfd.WriteProtect(area.PageAt(page), UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
            }

            Assert.Equal(new TouchResult(99, Signal: null), await area.Target.WriteAsync(offset, 99));
        }

        area.Session.AssertSilent();

        // The child inherits the registration with EVENT_FORK. What is missing there is a signal too.
        await area.Target.AdviseAsync(memory.Discard(), 0, area.Range.Length);
        TargetJob fork = await area.Target.BeginAsync("fork");
        UffdEvent forked = area.Session.ReadOne();
        Assert.Equal(UffdEventKind.Fork, forked.Kind);
        using var child = new Session(forked.Forked);
        await fork.JoinAsync();
        TargetJob touch = await area.Target.Child.BeginTouchAsync(threads: 1, area.Offsets);
        Assert.All(await touch.JoinTouchesAsync(), value => Assert.Equal(TouchResult.Sigbus, value));
        child.AssertSilent();
        area.Session.AssertSilent();
    }
}
