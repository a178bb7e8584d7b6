using System.Globalization;
using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests;

/// <content>What becomes of a protected page at a fork.</content>
public sealed partial class Conformance
{
    private async Task ProtectAndFork(MemoryKind memory, bool withEvent)
    {
        await using TargetArea area = await StartFilled(memory, withEvent);
        AddressRange page = area.PageAt(0);
        area.Userfaultfd.WriteProtect(page, UffdWriteProtectModes.Protect).ThrowIfIncomplete();
        Assert.True(Entry(area) is { IsPresent: true, IsWriteProtected: true });
        await using (Child child = await Child.ForkAsync(area, withEvent))
        {
            Assert.Equal(withEvent, child.Entry.IsWriteProtected);
        }

        // The same for a page whose entry holds no page any more.
        if (await TakeAway(area, page))
        {
            Assert.True(Entry(area) is { IsPresent: false, IsWriteProtected: true });
            await using Child child = await Child.ForkAsync(area, withEvent);
            Assert.Equal(withEvent, child.Entry.IsWriteProtected);
            Assert.False(child.Entry.IsPresent);
        }

        bool wasPresent = Entry(area).IsPresent;
        area.Userfaultfd.WriteProtect(page, UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
        Assert.True(Entry(area) is { IsWriteProtected: false } entry && entry.IsPresent == wasPresent);
        await using (Child child = await Child.ForkAsync(area, withEvent))
        {
            Assert.False(child.Entry.IsWriteProtected);
        }

        Assert.Equal(MemoryKinds.Value(0), (await area.Target.TouchAsync(0)).Value);
        area.Session.AssertSilent();
    }

    /// <summary>
    /// The kernel's own test pins for reading and for long (CONFIG_GUP_TEST). An io_uring buffer is pinned for long as well,
    /// and the fork treats the page alike, for it looks at the pin alone; but it is pinned for writing, so the pin comes
    /// before the protection. In the child a pin for writing would be a write fault, which says nothing about protection that
    /// is kept: there process_vm_readv(2) pins, for reading, and breaks the sharing by the same path (FAULT_FLAG_UNSHARE); it
    /// lets go at once, which that path does not ask about.
    /// </summary>
    private static async Task PinAndFork(MemoryKind memory, bool withEvent)
    {
        Requires.Root(); // to see which page it is
        await using TargetArea area = await StartFilled(memory, withEvent);
        TargetReply pinned = await area.Target.TryAsync($"pin 0 {area.PageSize}");
        Requires.That(pinned.Errno is not (Errno.ENOSYS or Errno.EPERM), $"this needs io_uring, to pin a page: {pinned.Text}");
        Assert.Equal(Errno.None, pinned.Errno);
        AddressRange page = area.PageAt(0);
        area.Userfaultfd.WriteProtect(page, UffdWriteProtectModes.Protect).ThrowIfIncomplete();
        await using (Child child = await Child.ForkAsync(area, withEvent))
        {
            Assert.Equal(withEvent, child.Entry.IsWriteProtected);
            if (memory.IsPrivate())
            {
                Assert.True(child.Entry.IsPresent);
                Assert.NotEqual(Entry(area).Frame, child.Entry.Frame); // copied at the fork, because of the pin
            }
        }

        await area.Target.RunAsync("unpin");
        Assert.True(Entry(area).IsWriteProtected);
        await using (Child child = await Child.ForkAsync(area, withEvent))
        {
            Assert.Equal(withEvent, child.Entry.IsWriteProtected);
            if (memory.IsPrivate())
            {
                Assert.Equal(Entry(area).Frame, child.Entry.Frame);
            }

            string read = await area.Target.Child.RunAsync($"pinread 0 {MemoryKinds.BasePage}");
            Assert.Equal($"{MemoryKinds.BasePage} {MemoryKinds.Value(0)}", read);
            Assert.True(child.Entry.IsPresent);
            Assert.Equal(withEvent, child.Entry.IsWriteProtected);
            if (memory.IsPrivate() && Requires.IsLinux(6, 2))
            {
                Assert.NotEqual(Entry(area).Frame, child.Entry.Frame); // copied at the pin
            }
        }

        Assert.True(Entry(area).IsWriteProtected);
        area.Session.AssertSilent();
    }

    private static async Task<TargetArea> StartFilled(MemoryKind memory, bool withEvent)
    {
        Requires.Features(memory.Needs(UffdRegisterModes.WriteProtect));
        TargetArea area = await TargetArea.StartAsync(memory, withEvent ? UffdFeatures.EventFork : UffdFeatures.None);
        await area.FillAsync();
        area.Userfaultfd.Register(area.Range, UffdRegisterModes.WriteProtect);
        return area;
    }

    /// <summary>Makes the page absent without touching its content: swapped out where it is private, unmapped where it is shared.</summary>
    private async Task<bool> TakeAway(TargetArea area, AddressRange page)
    {
        if (area.Kind.IsShared())
        {
            await area.Target.AdviseAsync(MemoryAdvice.DontNeed, page.Start - area.Range.Start, page.Length);
            return true;
        }

        if (area.Kind.IsHugetlb() || swap.Missing is not null)
        {
            output.WriteLine($"only with the page in memory: {(area.Kind.IsHugetlb() ? "huge pages are not swapped out" : swap.Missing)}");
            return false;
        }

        await swap.OutAsync(area, page);
        return true;
    }

    private static PageEntry Entry(TargetArea area) => PageTable.Read(area.Target.ProcessId, area.Range.Start);

    /// <summary>A forked child, until the end of the block. Its userfaultfd stays open, for closing it takes the protection away.</summary>
    private sealed class Child(TargetArea area, int processId, Session? session) : IAsyncDisposable
    {
        /// <summary>Its first page.</summary>
        public PageEntry Entry => PageTable.Read(processId, area.Range.Start);

        public static async Task<Child> ForkAsync(TargetArea area, bool withEvent)
        {
            TargetJob fork = await area.Target.BeginAsync("fork");
            Session? session = withEvent ? new Session(area.Session.ReadOne().Forked) : null;
            return new Child(area, int.Parse(await fork.JoinAsync(), CultureInfo.InvariantCulture), session);
        }

        public async ValueTask DisposeAsync()
        {
            await area.Target.Child.RunAsync("exit");
            await area.Target.RunAsync("waitchild");
            session?.Dispose();
        }
    }
}
