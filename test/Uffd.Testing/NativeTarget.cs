using System.Diagnostics;
using System.Globalization;

namespace Uffd.Testing;

/// <summary>
/// A process written in C that faults on command (test/native/target.c): what a pager, a daemon or a door is tested with. It
/// maps, registers, touches, forks, hands its userfaultfd over and dies as it is told, and ends with the test at the latest.
/// </summary>
/// <example><code>
/// await using NativeTarget target = await NativeTarget.StartAsync();
/// AddressRange region = await target.MapAsync(16 * 4096);
/// await target.CreateUserfaultfdAsync(UffdFeatures.EventRemove);
/// await target.RegisterAsync(UffdRegisterModes.Missing);
/// using Userfaultfd userfaultfd = await target.HandOverAsync();   // or SendAsync(socket, json) to a daemon
/// TargetJob touch = await target.BeginAsync("touch 4096");        // the command loop stays free
/// userfaultfd.ZeroPage(region);
/// TouchResult[] values = await touch.JoinTouchesAsync();
/// </code></example>
public sealed class NativeTarget : TargetCommands, IAsyncDisposable
{
    /// <summary>How long a command may take where nothing else is said.</summary>
    public static readonly TimeSpan DefaultTimeout = TestTime.Scaled(TimeSpan.FromSeconds(20));

    private static readonly string[] Sources = ["target.h", "target.c", "memory.c", "kernel.c", "stress.c", "roam.c", "sharing.c", "uffd.c", "channel.c", "process.c"];
    private static readonly Lazy<string> Program = new(() => NativeCompiler.Build("target", Sources), LazyThreadSafetyMode.PublicationOnly);

    private readonly Process _process;
    private readonly TimeSpan _timeout;
    private readonly SemaphoreSlim _turn = new(1);
    private bool _killed;

    private NativeTarget(Process process, TimeSpan timeout)
    {
        _process = process;
        _timeout = timeout;
        ProcessId = process.Id;
    }

    /// <summary>The process's id.</summary>
    public int ProcessId { get; }

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>
    /// Starts a process; compiles it first if it is not there yet. A test that runs without a compiler is skipped.
    /// </summary>
    /// <param name="timeout">How long each command may take; null for <see cref="DefaultTimeout"/>.</param>
    /// <param name="userId">The user to run it as, with setpriv; null for this one.</param>
    public static async Task<NativeTarget> StartAsync(TimeSpan? timeout = null, uint? userId = null)
    {
        string program = await Task.Run(() => Program.Value);
        (string file, string[] arguments) = userId is { } user
            ? ("setpriv", [string.Create(CultureInfo.InvariantCulture, $"--reuid={user}"), "--clear-groups", program])
            : (program, (string[])[]);
        var start = new ProcessStartInfo(file, arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        Process process = Process.Start(start) ?? throw new TargetException($"{program} did not start");
        process.StandardInput.AutoFlush = true;
        return new NativeTarget(process, timeout ?? DefaultTimeout);
    }

    /// <summary>The hash that <see cref="TargetCommands.HashAsync"/> gives: FNV-1a of 64 bits.</summary>
    /// <param name="bytes">What the memory should hold.</param>
    public static ulong Hash(ReadOnlySpan<byte> bytes)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (byte value in bytes)
        {
            hash = unchecked((hash ^ value) * 0x100000001b3);
        }

        return hash;
    }

    /// <inheritdoc/>
    /// <exception cref="TargetException">The process has ended.</exception>
    public override async Task<TargetReply> TryAsync(string command)
    {
        ArgumentNullException.ThrowIfNull(command);
        await _turn.WaitAsync();
        try
        {
            if (_killed)
            {
                throw new TargetException($"the target had been killed before: {command}");
            }

            await _process.StandardInput.WriteLineAsync(command);
            string? line = await _process.StandardOutput.ReadLineAsync().WaitAsync(_timeout);
            return line is null ? throw new TargetException($"the target ended at: {command}") : TargetReply.Parse(line);
        }
        catch (TimeoutException exception)
        {
            Kill();
            throw new TimeoutException($"the target gave no answer within {_timeout.TotalSeconds} s to: {command}", exception);
        }
        catch (IOException exception)
        {
            throw new TargetException($"the target had ended before: {command}", exception);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>
    /// Gives the test the target's userfaultfd, handshake done, over a socket. The target keeps its own copy until
    /// <see cref="TargetCommands.CloseUserfaultfdAsync"/>.
    /// </summary>
    public async Task<Userfaultfd> HandOverAsync() => Userfaultfd.FromDescriptor(await HandOverDescriptorAsync("uffd"));

    /// <summary>Gives the test one of the target's descriptors, over a socket.</summary>
    /// <param name="what"><c>uffd</c>, <c>null</c> or <c>memfd</c>.</param>
    /// <returns>Owned by the caller.</returns>
    public async Task<SafeDescriptorHandle> HandOverDescriptorAsync(string what)
    {
        using var folder = new TemporaryFolder();
        using FdListener listener = FdListener.Listen(folder.File("socket"));
        await ConnectAsync(listener.Path);
        using FdChannel channel = listener.TryAccept() ?? throw new TargetException("the target did not connect");
        await SendDescriptorsAsync(what);
        await CloseSocketAsync();
        var descriptors = new List<SafeDescriptorHandle>();
        channel.Receive(stackalloc byte[1], descriptors); // has arrived: the target was told that sending worked
        return descriptors.Single();
    }

    /// <summary>Ends the process as if it had crashed, and waits for its end.</summary>
    public async Task CrashAsync()
    {
        Kill();
        await _process.WaitForExitAsync().WaitAsync(_timeout);
    }

    /// <summary>Kills the process, if it still runs, with all that it has open. Its forked child ends with it.</summary>
    public async ValueTask DisposeAsync()
    {
        await CrashAsync();
        _process.Dispose();
        _turn.Dispose();
    }

    private void Kill()
    {
        if (!_killed)
        {
            _killed = true;
            _process.Kill(); // nothing when it has ended already
        }
    }
}
