namespace Uffd.Tests.Creation;

public class CreationTests
{
    private const UffdFeatures FromTheFuture = (UffdFeatures)(1UL << 40);

    [Fact]
    public void Defaults_work_and_agree_on_nothing()
    {
        Requires.Features(UffdFeatures.None);
        using Userfaultfd userfaultfd = Userfaultfd.Create();
        Assert.False(userfaultfd.Handle.IsInvalid);
        Assert.Equal(UffdFeatures.None, userfaultfd.Features);
        Assert.NotNull(userfaultfd.FaultScope);
        Assert.NotEqual(UffdFaultScope.Any, userfaultfd.FaultScope);
    }

    [Fact]
    public void Each_way_is_probed_in_the_order_of_preference()
    {
        IReadOnlyList<UffdCreationAttempt> attempts = Userfaultfd.ProbeCreation();
        Assert.Equal(
            [
                (UffdCreationMethod.Device, UffdFaultScope.UserAndKernel),
                (UffdCreationMethod.SystemCall, UffdFaultScope.UserAndKernel),
                (UffdCreationMethod.Device, UffdFaultScope.UserOnly),
                (UffdCreationMethod.SystemCall, UffdFaultScope.UserOnly),
            ],
            attempts.Select(attempt => (attempt.Method, attempt.FaultScope)));
    }

    [Theory]
    [InlineData(UffdCreationMethod.Device, UffdFaultScope.UserAndKernel)]
    [InlineData(UffdCreationMethod.SystemCall, UffdFaultScope.UserAndKernel)]
    [InlineData(UffdCreationMethod.Device, UffdFaultScope.UserOnly)]
    [InlineData(UffdCreationMethod.SystemCall, UffdFaultScope.UserOnly)]
    public void Each_way_can_be_asked_for(UffdCreationMethod method, UffdFaultScope scope)
    {
        UffdCreationAttempt attempt = Userfaultfd.ProbeCreation().Single(one => one.Method == method && one.FaultScope == scope);
        Requires.That(attempt.Works, $"{attempt.Name} is not open to this caller: {attempt.Errno}");
        using Userfaultfd userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { Method = method, FaultScope = scope });
        Assert.Equal(scope, userfaultfd.FaultScope);
    }

    [Fact]
    public void Required_features_are_agreed()
    {
        const UffdFeatures Wanted = UffdFeatures.EventRemove | UffdFeatures.EventUnmap | UffdFeatures.ThreadId;
        Requires.Features(Wanted);
        using Userfaultfd userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = Wanted });
        Assert.Equal(Wanted, userfaultfd.Features);
    }

    [Fact]
    public void Missing_required_features_are_named()
    {
        Requires.Features(UffdFeatures.None);
        UffdException exception = Assert.Throws<UffdException>(
            () => Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = UffdFeatures.ThreadId | FromTheFuture }));
        Assert.Contains("bit 40", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("THREAD_ID", exception.Message, StringComparison.Ordinal);
        Assert.Contains("newer kernel", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', exception.Message);
    }

    [Fact]
    public void Missing_optional_features_are_left_out()
    {
        Requires.Features(UffdFeatures.ThreadId);
        using Userfaultfd userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { OptionalFeatures = UffdFeatures.ThreadId | FromTheFuture });
        Assert.Equal(UffdFeatures.ThreadId, userfaultfd.Features);
    }

    [Fact]
    public void Supported_features_hold_what_each_kernel_with_userfaultfd_has()
    {
        Requires.Features(UffdFeatures.None);
        Assert.True(Userfaultfd.SupportedFeatures.HasFlag(UffdFeatures.MissingShmem));
    }

    [Fact]
    public void Every_feature_has_a_name_and_a_version()
    {
        UffdFeatures[] named = [.. Enum.GetValues<UffdFeatures>().Where(feature => feature != UffdFeatures.None)];
        Assert.Equal(named, UffdFeatureInfo.All.Select(info => info.Feature));
        Assert.All(UffdFeatureInfo.All, info => Assert.True(Version.TryParse(info.Since, out _), info.KernelName));
        UffdFeatureInfo unknown = Assert.Single(UffdFeatureInfo.Describe(FromTheFuture));
        Assert.Equal("bit 40", unknown.KernelName);
        Assert.Equal("unknown", unknown.Since);
        Assert.Empty(UffdFeatureInfo.Describe(UffdFeatures.None));
    }

    [Fact]
    public async Task Kernel_faults_wait_where_the_scope_has_them()
    {
        Requires.KernelFaults();
        using MemoryMapping mapping = MemoryMapping.CreateAnonymous(Arena.Page);
        using Userfaultfd userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { FaultScope = UffdFaultScope.UserAndKernel });
        userfaultfd.Register(mapping.Range, UffdRegisterModes.Missing);
        using Arena arena = Arena.Of(userfaultfd);
        Task<bool> populate = Populate(mapping);
        Assert.Equal(UffdEventKind.PageFault, arena.ReadOne().Kind);
        userfaultfd.ZeroPage(mapping.Range).ThrowIfIncomplete();
        Assert.True(await populate);
    }

    [Fact]
    public async Task Kernel_faults_fail_where_the_scope_has_them_not()
    {
        Requires.Features(UffdFeatures.None);
        using MemoryMapping mapping = MemoryMapping.CreateAnonymous(Arena.Page);
        using Userfaultfd userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { FaultScope = UffdFaultScope.UserOnly });
        userfaultfd.Register(mapping.Range, UffdRegisterModes.Missing);
        using Arena arena = Arena.Of(userfaultfd);
        UffdException exception = await Assert.ThrowsAsync<UffdException>(() => Populate(mapping));
        Assert.Equal(Errno.EFAULT, exception.Errno);
        Assert.Equal(0, arena.Reader.Read());

        Task<byte> touch = NativeTouch.ReadByteAsync(mapping.Address);
        Assert.Equal(mapping.Address, arena.ReadOne().PageFault.Address);
        userfaultfd.ZeroPage(mapping.Range).ThrowIfIncomplete();
        Assert.Equal(0, await touch);
    }

    [Fact]
    public void Blocking_descriptor_is_always_in_error_for_a_poller()
    {
        Requires.Features(UffdFeatures.None);
        using Userfaultfd userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { NonBlocking = false });
        using var poller = new EventPoller();
        poller.Add(userfaultfd.Handle, 7);
        var ready = new PollResult[1];
        Assert.Equal(1, poller.Wait(ready, TimeSpan.Zero));
        Assert.True(ready[0].States.HasFlag(PollStates.Error));
    }

    [Fact]
    public async Task Blocking_descriptor_waits_in_its_read()
    {
        Requires.Features(UffdFeatures.None);
        using MemoryMapping mapping = MemoryMapping.CreateAnonymous(Arena.Page);
        using Userfaultfd userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { NonBlocking = false });
        using var reader = new UffdEventReader(userfaultfd);
        userfaultfd.Register(mapping.Range, UffdRegisterModes.Missing);
        Task<byte> touch = NativeTouch.ReadByteAsync(mapping.Address);
        int count = await NativeTouch.Run(reader.Read);
        Assert.Equal(1, count);
        userfaultfd.ZeroPage(mapping.Range).ThrowIfIncomplete();
        await touch;
    }

    private static Task<bool> Populate(MemoryMapping mapping) => NativeTouch.Run(() =>
    {
        mapping.Advise(MemoryAdvice.PopulateRead);
        return true;
    });
}
