using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests;

/// <content>Write-protection over forks, pins and swap.</content>
public sealed partial class Conformance(Swap swap, ITestOutputHelper output) : IClassFixture<Swap>
{
    /// <summary>Without EVENT_FORK a child has no protection, neither of a page that is there nor of one that is not.</summary>
    [Theory]
    [Memory]
    public Task WpFork(MemoryKind memory) => ProtectAndFork(memory, withEvent: false);

    /// <summary>With EVENT_FORK the child has what its parent has.</summary>
    [Theory]
    [Memory]
    public Task WpForkWithEvent(MemoryKind memory) => ProtectAndFork(memory, withEvent: true);

    /// <summary>The same when the fork must copy a page at once because it is pinned, and when a pin breaks the sharing in the child.</summary>
    [Theory]
    [Memory]
    public Task WpForkPin(MemoryKind memory) => PinAndFork(memory, withEvent: false);

    /// <summary>The same, and the child's page is protected all the way.</summary>
    [Theory]
    [Memory]
    public Task WpForkPinWithEvent(MemoryKind memory) => PinAndFork(memory, withEvent: true);

    /// <summary>An absent page can be protected: a marker, which goes with unprotecting and with MADV_DONTNEED.</summary>
    [Theory]
    [Memory(MemoryKind.Anonymous)]
    public async Task WpUnpopulated(MemoryKind memory)
    {
        using Area area = Area.Create(memory, UffdRegisterModes.WriteProtect, UffdFeatures.WriteProtectUnpopulated);
        bool IsProtected() => PageTable.Read(Environment.ProcessId, area.Range.Start).IsWriteProtected;
        AddressRange page = area.PageAt(0);

        Assert.False(IsProtected());
        area.Userfaultfd.WriteProtect(page, UffdWriteProtectModes.Protect).ThrowIfIncomplete();
        Assert.True(IsProtected());
        area.Userfaultfd.WriteProtect(page, UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
        Assert.False(IsProtected());

        area.Userfaultfd.WriteProtect(page, UffdWriteProtectModes.Protect).ThrowIfIncomplete();
        area.Mapping.Advise(MemoryAdvice.DontNeed, page);
        Assert.False(IsProtected());
        await NativeTouch.WriteByteAsync(page.Start, 1); // waits for nobody
        Assert.False(IsProtected());

        area.Mapping.Advise(MemoryAdvice.DontNeed, page);
        area.Userfaultfd.WriteProtect(page, UffdWriteProtectModes.Protect).ThrowIfIncomplete();
        Assert.Equal(0, await NativeTouch.ReadByteAsync(page.Start));
        Assert.True(IsProtected());
        area.AssertSilent();
        Task write = NativeTouch.WriteByteAsync(page.Start, 2);
        area.ReadFault(PageFaultKind.WriteProtect, page.Start);
        area.Userfaultfd.WriteProtect(page, UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
        await write;
    }
}
