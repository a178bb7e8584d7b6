using System.Globalization;

namespace Uffd.Tool.Tests.Serving;

/// <summary>An image in a folder of its own, and clients of it.</summary>
internal sealed class ServedImage : IDisposable
{
    public const int Pages = 64;
    private readonly TemporaryFolder _folder = new();

    public ServedImage()
    {
        Bytes = new byte[Pages * Environment.SystemPageSize];
        new Random(7).NextBytes(Bytes);
        Path = _folder.File("image");
        File.WriteAllBytes(Path, Bytes);
    }

    public byte[] Bytes { get; }

    public string Path { get; }

    public string Socket => _folder.File("socket");

    public string FilePath(string name) => _folder.File(name);

    public Task<ServeProcess> ServeAsync(params string[] options) => ServeProcess.StartAsync(Socket, Path, options);

    /// <summary>A process with registered memory as large as the image.</summary>
    public async Task<NativeTarget> StartTargetAsync()
    {
        NativeTarget target = await NativeTarget.StartAsync(ServeProcess.Patience);
        await target.MapAsync((ulong)Bytes.Length);
        await target.CreateUserfaultfdAsync(UffdFeatures.EventRemove);
        await target.RegisterAsync(UffdRegisterModes.Missing);
        return target;
    }

    public async Task HandOverAsync(NativeTarget target, ulong offset = 0)
    {
        AddressRange range = await target.GetRegionAsync();
        await target.SendAsync(Socket, string.Create(CultureInfo.InvariantCulture, $$"""[{"base_host_virt_addr":{{range.Start}},"size":{{range.Length}},"offset":{{offset}},"page_size":4096,"page_size_kib":4096}]"""));
    }

    public async Task VerifyAsync(NativeTarget target) => Assert.Equal(NativeTarget.Hash(Bytes), await target.HashAsync(0, (ulong)Bytes.Length));

    /// <summary>Touches the first page and waits until the thread waits for it.</summary>
    public static async Task<TargetJob> BeginStuckTouchAsync(NativeTarget target)
    {
        TargetJob touch = await target.BeginAsync("touch 0");
        string folder = string.Create(CultureInfo.InvariantCulture, $"/proc/{target.ProcessId}/task");
        using var limit = new CancellationTokenSource(ServeProcess.Patience);
        while (!Directory.GetDirectories(folder).Any(task => File.ReadAllText($"{task}/wchan").Contains("userfault", StringComparison.Ordinal)))
        {
            await Task.Delay(1, limit.Token);
        }

        return touch;
    }

    public void Dispose() => _folder.Dispose();
}
