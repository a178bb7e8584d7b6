using System.Globalization;
using System.Runtime.InteropServices;
using Uffd.Daemon;
using Uffd.Paging;

namespace Uffd.Bench;

/// <summary>
/// The pager with a source that takes its time, as a server that is started like the others: <c>Uffd.Bench serve --socket S
/// --image F --no-background --delay-ms N --concurrency N</c>. It is no option of the product.
/// </summary>
internal static class SlowServer
{
    public static string ProgramPath => Path.Combine(AppContext.BaseDirectory, "Uffd.Bench");

    public static async Task<int> RunAsync(ReadOnlyMemory<string> args)
    {
        var (socket, image, delay, concurrency, background) = Parse(args.Span);
        using var file = FilePageSource.Open(image);
        using var slow = new PunctualPageSource(file, delay, concurrency);
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            stop.TrySetResult();
        });
        using var daemon = new PagerDaemon(new PagerDaemonOptions { SocketPath = socket, Image = slow, BackgroundFill = background });
        Console.WriteLine($"ready {socket}");
        await stop.Task;
        await daemon.StopAsync();
        return 0;
    }

    private static (string Socket, string Image, TimeSpan Delay, int Concurrency, bool Background) Parse(ReadOnlySpan<string> args)
    {
        string? socket = null;
        string? image = null;
        var delay = TimeSpan.Zero;
        var concurrency = 1;
        var background = true;
        while (args is [var name, ..])
        {
            args = args[1..];
            switch (name)
            {
                case "--socket":
                    socket = OptionValues.Next(name, ref args);
                    break;
                case "--image":
                    image = OptionValues.Next(name, ref args);
                    break;
                case "--delay-ms":
                    delay = TimeSpan.FromMilliseconds(double.Parse(OptionValues.Next(name, ref args), CultureInfo.InvariantCulture));
                    break;
                case "--concurrency":
                    concurrency = OptionValues.Count(name, OptionValues.Next(name, ref args));
                    break;
                case "--background" or "--no-background":
                    background = name is "--background";
                    break;
                default:
                    throw new BenchException($"unknown option {name}");
            }
        }

        return socket is not null && image is not null
            ? (socket, image, delay, concurrency, background)
            : throw new BenchException("serve needs --socket and --image");
    }
}
