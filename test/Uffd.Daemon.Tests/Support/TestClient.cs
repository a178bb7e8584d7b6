using System.Globalization;

namespace Uffd.Daemon.Tests;

/// <summary>A process with registered memory that may be handed over.</summary>
internal sealed class TestClient : IAsyncDisposable
{
    private TestClient(NativeTarget target, AddressRange range)
    {
        Target = target;
        Range = range;
    }

    public NativeTarget Target { get; }

    public AddressRange Range { get; }

    public int ProcessId => Target.ProcessId;

    /// <summary>The text of the handshake for all of its memory.</summary>
    public string Text => Describe(Range);

    public static async Task<TestClient> StartAsync(
        ulong pages = 8,
        TargetMemory memory = TargetMemory.Anonymous,
        UffdFeatures features = UffdFeatures.EventRemove,
        uint? userId = null)
    {
        NativeTarget target = await NativeTarget.StartAsync(EventLog.Patience, userId);
        ulong pageSize = memory == TargetMemory.Hugetlb ? 2UL << 20 : TestImage.Page;
        AddressRange range = await target.MapAsync(pages * pageSize, memory);
        await target.CreateUserfaultfdAsync(features, userModeOnly: userId is not null);
        await target.RegisterAsync(UffdRegisterModes.Missing);
        return new TestClient(target, range);
    }

    /// <summary>A process that was set up elsewhere.</summary>
    public static TestClient Of(NativeTarget target, AddressRange range) => new(target, range);

    /// <summary>One region as Firecracker 1.12 and later writes it.</summary>
    public static string Describe(AddressRange range, ulong offset = 0, ulong pageSize = 4096)
        => Describe(range.Start, range.Length, offset, pageSize);

    public static string Describe(ulong start, ulong length, ulong offset = 0, ulong pageSize = 4096)
        => string.Create(
            CultureInfo.InvariantCulture,
            $$"""[{"base_host_virt_addr":{{start}},"size":{{length}},"offset":{{offset}},"page_size":{{pageSize}},"page_size_kib":{{pageSize}}}]""");

    /// <summary>Connects, sends the text with the userfaultfd, and leaves the connection open.</summary>
    public Task HandOverAsync(string socketPath, string? text = null) => Target.SendAsync(socketPath, text ?? Text);

    /// <summary>Reads memory and compares it with the image. Waits for its pages.</summary>
    public async Task VerifyAsync(TestImage image, ulong imageOffset = 0, ulong offset = 0, ulong? length = null)
    {
        ulong bytes = length ?? (Range.Length - offset);
        Assert.Equal(image.Hash(imageOffset + offset, bytes), await Target.HashAsync(offset, bytes));
    }

    /// <summary>Touches a page and waits until the thread waits in the kernel for it.</summary>
    public async Task<TargetJob> BeginStuckTouchAsync(ulong offset = 0)
    {
        TargetJob touch = await Target.BeginAsync(string.Create(CultureInfo.InvariantCulture, $"touch {offset}"));
        await WaitUntilStuckAsync();
        return touch;
    }

    /// <summary>Waits until a thread of the process waits for a page.</summary>
    public async Task WaitUntilStuckAsync()
    {
        using var limit = new CancellationTokenSource(EventLog.Patience);
        string folder = string.Create(CultureInfo.InvariantCulture, $"/proc/{ProcessId}/task");
        while (!Directory.GetDirectories(folder).Any(task => File.ReadAllText($"{task}/wchan").Contains("userfault", StringComparison.Ordinal)))
        {
            await Task.Delay(1, limit.Token);
        }
    }

    /// <summary>The line with which it was refused.</summary>
    public async Task<string> ReadRefusalAsync()
    {
        string? line = await Target.ReceiveAsync();
        Assert.NotNull(line);
        Assert.StartsWith("error: ", line, StringComparison.Ordinal);
        Assert.EndsWith("\n", line, StringComparison.Ordinal);
        Assert.Equal(line.Length - 1, line.IndexOf('\n', StringComparison.Ordinal));
        return line;
    }

    public ValueTask DisposeAsync() => Target.DisposeAsync();
}
