using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Uffd.Daemon.Tests;

/// <summary>A process that asks for the image and maps the memfd it gets, as a client in C would.</summary>
internal static class SharingClient
{
    public const string Request = """{"request":"image"}""";

    /// <summary>Asks, maps, registers and hands over.</summary>
    public static async Task<TestClient> StartAsync(Scene scene, UffdFeatures features = UffdFeatures.EventRemove)
    {
        TestClient client = await ConnectAsync(scene, features);
        await client.Target.SendBothAsync(Describe(client.Range), "uffd");
        await scene.Log.WaitAsync(DaemonEventKind.Attached, client.ProcessId);
        return client;
    }

    /// <summary>As <see cref="StartAsync"/>, but hands nothing over yet.</summary>
    public static async Task<TestClient> ConnectAsync(Scene scene, UffdFeatures features = UffdFeatures.EventRemove)
    {
        Requires.Features(UffdFeatures.MinorShmem);
        NativeTarget target = await NativeTarget.StartAsync(EventLog.Patience);
        (string path, ulong size) = await AskAsync(target, scene);
        AddressRange range = await target.MapFileAsync(path, size);
        await target.CreateUserfaultfdAsync(features);
        await target.RegisterAsync(UffdRegisterModes.Missing | UffdRegisterModes.Minor);
        return TestClient.Of(target, range);
    }

    /// <summary>The memfd's path in the target, and the image's size.</summary>
    public static async Task<(string Path, ulong Size)> AskAsync(NativeTarget target, Scene scene)
    {
        await target.ConnectAsync(scene.SocketPath);
        await target.SendTextAsync(Request);
        string[] words = (await target.RunAsync("recvfd")).Split(' ');
        using JsonDocument answer = JsonDocument.Parse(Encoding.UTF8.GetString(Convert.FromHexString(words[1])));
        JsonElement image = answer.RootElement.GetProperty("image");
        Assert.Equal(Environment.SystemPageSize, image.GetProperty("pageSize").GetInt32());
        Assert.NotEqual("-1", words[0], StringComparer.Ordinal);
        return ($"/proc/self/fd/{words[0]}", image.GetProperty("size").GetUInt64());
    }

    public static string Describe(AddressRange range, ulong offset = 0)
        => string.Create(
            CultureInfo.InvariantCulture,
            $$"""[{"base_host_virt_addr":{{range.Start}},"size":{{range.Length}},"offset":{{offset}},"page_size":4096,"shared":true}]""");
}
