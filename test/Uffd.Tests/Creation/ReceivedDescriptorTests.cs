namespace Uffd.Tests.Creation;

/// <summary>Userfaultfds that another process made.</summary>
public class ReceivedDescriptorTests
{
    [Fact]
    public void Descriptor_of_something_else_is_refused_and_stays_the_callers()
    {
        using MemoryMapping memfd = MemoryMapping.CreateMemfd("not-a-userfaultfd", Arena.Page);
        UffdException exception = Assert.Throws<UffdException>(() => Userfaultfd.FromDescriptor(memfd.Descriptor!));
        Assert.Contains("no userfaultfd but /memfd:not-a-userfaultfd", exception.Message, StringComparison.Ordinal);
        Assert.False(memfd.Descriptor!.IsClosed);
        using MemoryMapping second = MemoryMapping.MapMemfd(memfd.Descriptor, Arena.Page);
    }

    [Fact]
    public void Descriptor_without_handshake_is_refused_and_stays_the_callers()
    {
        Requires.Features(UffdFeatures.None);
        UserfaultfdFactory.Try(UffdCreationMethod.SystemCall, UffdFaultScope.UserOnly, nonBlocking: true, out SafeUserfaultfdHandle? handle);
        Requires.That(handle is not null, "userfaultfd(UFFD_USER_MODE_ONLY) is not open to this caller");
        using (handle)
        {
            UffdException exception = Assert.Throws<UffdException>(() => Userfaultfd.FromDescriptor(handle));
            Assert.Contains("handshake", exception.Message, StringComparison.Ordinal);
            Assert.False(handle.IsClosed);
            Assert.False(handle.IsInvalid);
        }
    }

    [Fact]
    public async Task Descriptor_without_handshake_of_another_process_is_refused()
    {
        Requires.Features(UffdFeatures.None);
        await using NativeTarget target = await NativeTarget.StartAsync();
        await target.CreateUserfaultfdWithoutHandshakeAsync();
        await Assert.ThrowsAsync<UffdException>(target.HandOverAsync);
    }

    [Theory]
    [InlineData(UffdFeatures.None)]
    [InlineData(UffdFeatures.EventRemove | UffdFeatures.EventUnmap | UffdFeatures.ThreadId)]
    [InlineData(UffdFeatures.WriteProtectAsync | UffdFeatures.WriteProtectUnpopulated)]
    public async Task Features_are_those_of_the_other_processs_handshake(UffdFeatures features)
    {
        Requires.Features(features);
        await using NativeTarget target = await NativeTarget.StartAsync();
        await target.CreateUserfaultfdAsync(features);
        using Userfaultfd userfaultfd = await target.HandOverAsync();
        Assert.Equal(features, userfaultfd.Features);
        Assert.Null(userfaultfd.FaultScope);
    }

    [Theory]
    [InlineData("pending:\t0\ntotal:\t0\nAPI:\taa:8000000a:ff\n", UffdFeatures.EventFork | UffdFeatures.EventRemove)]
    [InlineData("API: aa:80000000:ff", UffdFeatures.None)]
    [InlineData("API:\taa:nonsense:ff\n", UffdFeatures.None)]
    [InlineData("", UffdFeatures.None)]
    public void Features_are_parsed(string text, UffdFeatures expected) => Assert.Equal(expected, DescriptorInfo.ParseFeatures(text));

    [Fact]
    public async Task Target_is_alive_until_it_is_not()
    {
        Requires.Features(UffdFeatures.None);
        await using NativeTarget target = await NativeTarget.StartAsync();
        await target.MapAsync(Arena.Page);
        await target.CreateUserfaultfdAsync();
        await target.RegisterAsync(UffdRegisterModes.Missing);
        using Userfaultfd userfaultfd = await target.HandOverAsync();
        Assert.True(userfaultfd.IsTargetAlive());
        await target.CrashAsync();
        Assert.False(userfaultfd.IsTargetAlive());
    }

    [Fact]
    public async Task Target_with_an_unread_event_is_alive_until_it_is_not()
    {
        Requires.Features(UffdFeatures.EventRemove);
        await using NativeTarget target = await NativeTarget.StartAsync();
        await target.MapAsync(Arena.Page);
        await target.CreateUserfaultfdAsync(UffdFeatures.EventRemove);
        await target.RegisterAsync(UffdRegisterModes.Missing);
        using Userfaultfd userfaultfd = await target.HandOverAsync();
        using Arena arena = Arena.Of(userfaultfd);
        await target.BeginAsync("dontneed 0 4096");
        arena.WaitReadable();
        Assert.True(userfaultfd.IsTargetAlive());
        await target.CrashAsync();
        Assert.False(userfaultfd.IsTargetAlive());
    }

    [Fact]
    public void Asking_whether_the_target_is_alive_touches_nothing()
    {
        using Arena arena = Arena.Create(1);
        Assert.True(arena.Userfaultfd.IsTargetAlive());
        using PagemapScan scan = PagemapScan.OpenSelf();
        Assert.Empty(scan.ScanAll(arena.Range, new PagemapScanOptions { AllOf = PageCategories.Present, RequireWriteProtectAsync = false }));
        Assert.Equal(0, arena.Reader.Read());
    }

    [Fact]
    public async Task Every_fill_answers_that_a_dead_target_is_gone()
    {
        Requires.Features(UffdFeatures.Poison);
        await using NativeTarget target = await NativeTarget.StartAsync();
        AddressRange region = await target.MapAsync(Arena.Page);
        await target.CreateUserfaultfdAsync();
        await target.RegisterAsync(UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect);
        using Userfaultfd userfaultfd = await target.HandOverAsync();
        await target.CrashAsync();
        var gone = new UffdResult(0, Errno.ESRCH);
        Assert.Equal(gone, userfaultfd.Copy(region.Start, new byte[Arena.Page]));
        Assert.Equal(gone, userfaultfd.ZeroPage(region));
        Assert.Equal(gone, userfaultfd.Poison(region));
        Assert.Equal(gone, userfaultfd.Continue(region));
        Assert.Equal(gone, userfaultfd.WriteProtect(region, UffdWriteProtectModes.Protect));
        Assert.NotEqual(Errno.None, userfaultfd.Unregister(region).Errno);
    }
}
