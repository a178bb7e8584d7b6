using System.Globalization;
using System.Text;

namespace Uffd.Testing;

/// <summary>
/// The commands of a faulting process: test/native/target.c lists them. Offsets count from the start of the selected region,
/// which is the one mapped last. A command that touches missing memory, or that announces an event (fork, dontneed, remove,
/// munmap, mremap), waits for whoever serves the userfaultfd: where that is the test itself, start it with
/// <see cref="BeginAsync"/>.
/// </summary>
public abstract class TargetCommands
{
    private int _lastJob;

    /// <summary>The commands of the child that <see cref="ForkAsync"/> made.</summary>
    public TargetCommands Child => field ??= new ForwardedCommands(this);

    /// <summary>Runs a command and gives its answer, also an error.</summary>
    /// <param name="command">As in test/native/target.c.</param>
    /// <exception cref="TimeoutException">No answer came; the process has been killed.</exception>
    public abstract Task<TargetReply> TryAsync(string command);

    /// <summary>Runs a command that must work.</summary>
    /// <param name="command">As in test/native/target.c.</param>
    /// <returns>What follows <c>ok</c>.</returns>
    /// <exception cref="TargetException">It answered with an error.</exception>
    public async Task<string> RunAsync(string command)
    {
        TargetReply reply = await TryAsync(command);
        return reply.Succeeded ? reply.Text : throw new TargetException(command, reply);
    }

    /// <summary>Starts a command on a thread of the process and does not wait for it.</summary>
    /// <param name="command">As in test/native/target.c.</param>
    public async Task<TargetJob> BeginAsync(string command)
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"j{Interlocked.Increment(ref _lastJob)}");
        await RunAsync($"async {id} {command}");
        return new TargetJob(this, id, command);
    }

    /// <summary>Maps a region and selects it.</summary>
    /// <param name="length">Bytes: whole pages.</param>
    /// <param name="kind">The kind of memory.</param>
    /// <param name="shared">Whether it is shared; null for what is usual.</param>
    public async Task<AddressRange> MapAsync(ulong length, TargetMemory kind = TargetMemory.Anonymous, bool? shared = null)
    {
        string name = kind switch
        {
            TargetMemory.Anonymous => "anon",
            TargetMemory.Shmem => "shmem",
            TargetMemory.Memfd => "memfd",
            _ => "hugetlb",
        };
        string sharing = shared switch
        {
            true => " shared",
            false => " private",
            null => "",
        };
        string[] words = (await RunAsync($"map {length} {name}{sharing}")).Split(' ');
        return new AddressRange(ParseNumber(words[1]), ParseNumber(words[2]));
    }

    /// <summary>Selects another region, in the order of mapping, and gives its range.</summary>
    /// <param name="index">From 0.</param>
    public async Task<AddressRange> SelectAsync(int index) => ParseRange(await RunAsync(string.Create(CultureInfo.InvariantCulture, $"select {index}")));

    /// <summary>The selected region, where it is now.</summary>
    public async Task<AddressRange> GetRegionAsync() => ParseRange(await RunAsync("base"));

    /// <summary>Creates the process's userfaultfd, non-blocking, with the handshake; an earlier one is closed.</summary>
    /// <param name="features">The features to ask for.</param>
    /// <param name="userModeOnly">Whether the kernel's own faults are left out; null to leave them out only where they must be.</param>
    /// <returns>All features of the kernel, as the handshake reports them.</returns>
    public Task<UffdFeatures> CreateUserfaultfdAsync(UffdFeatures features = UffdFeatures.None, bool? userModeOnly = null)
        => CreateUserfaultfdAsync(string.Create(CultureInfo.InvariantCulture, $"0x{(ulong)features:x}"), userModeOnly);

    /// <summary>Creates the process's userfaultfd and leaves out the handshake.</summary>
    public Task CreateUserfaultfdWithoutHandshakeAsync() => CreateUserfaultfdAsync("none", userModeOnly: null);

    /// <summary>Registers a part of the selected region, by default all of it.</summary>
    /// <param name="modes">Which faults.</param>
    /// <param name="offset">Where it begins.</param>
    /// <param name="length">Bytes; null for the rest.</param>
    public async Task<UffdIoctls> RegisterAsync(UffdRegisterModes modes, ulong offset = 0, ulong? length = null)
        => (UffdIoctls)ParseNumber(await RunAsync(
            string.Create(CultureInfo.InvariantCulture, $"register {(ulong)modes} {offset}{(length is { } bytes ? $" {bytes}" : "")}")));

    /// <summary>Closes the process's own copy of the userfaultfd.</summary>
    public Task CloseUserfaultfdAsync() => RunAsync("closeuffd");

    /// <summary>Reads one byte. Waits for the page.</summary>
    /// <param name="offset">Where.</param>
    public async Task<TouchResult> TouchAsync(ulong offset) => TouchResult.Parse(await RunAsync($"touch {offset}"));

    /// <summary>Writes one byte. Waits for the page.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="value">What.</param>
    public async Task<TouchResult> WriteAsync(ulong offset, byte value) => TouchResult.Parse(await RunAsync($"write {offset} {value}"));

    /// <summary>Writes one value over a range. Waits for the pages.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="length">How many bytes.</param>
    /// <param name="value">What.</param>
    public Task FillAsync(ulong offset, ulong length, byte value) => RunAsync($"fill {offset} {length} {value}");

    /// <summary>The hash of a range: see <see cref="NativeTarget.Hash"/>. Waits for the pages.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="length">How many bytes.</param>
    public async Task<ulong> HashAsync(ulong offset, ulong length) => ParseNumber(await RunAsync($"hash {offset} {length}"));

    /// <summary>The bytes of a range, at most 8192. Waits for the pages.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="length">How many bytes.</param>
    public async Task<byte[]> DumpAsync(ulong offset, int length) => Convert.FromHexString(await RunAsync($"dump {offset} {length}"));

    /// <summary>Starts threads that all begin at once and each read one byte at every offset, in order.</summary>
    /// <param name="threads">How many, at most 64.</param>
    /// <param name="offsets">Where.</param>
    /// <returns>Its answer has the values, thread after thread: <see cref="TargetJob.JoinTouchesAsync"/>.</returns>
    public Task<TargetJob> BeginTouchAsync(int threads, params IEnumerable<ulong> offsets)
        => BeginAsync(string.Create(CultureInfo.InvariantCulture, $"touchmany {threads} {string.Join(' ', offsets)}"));

    /// <summary>Maps a file and selects the mapping.</summary>
    /// <param name="path">The file; <c>/proc/PID/fd/N</c> for a memfd.</param>
    /// <param name="length">Bytes: whole pages.</param>
    /// <param name="offset">Where in the file to begin.</param>
    /// <param name="shared">Whether it is shared.</param>
    public async Task<AddressRange> MapFileAsync(string path, ulong length, ulong offset = 0, bool shared = false)
        => ParseRange((await RunAsync(string.Create(CultureInfo.InvariantCulture, $"mapfile {path} {length} {(shared ? "shared" : "private")} {offset}")))
            .Split(' ', 2)[1]);

    /// <summary>Gives advice (madvise(2)).</summary>
    /// <param name="advice">What.</param>
    /// <param name="offset">Where.</param>
    /// <param name="length">How many bytes.</param>
    public Task AdviseAsync(MemoryAdvice advice, ulong offset, ulong length) => RunAsync($"madvise {(int)advice} {offset} {length}");

    /// <summary>Forks. With <see cref="UffdFeatures.EventFork"/> it returns only once the event was read.</summary>
    /// <returns>The id of the child, which <see cref="Child"/> commands.</returns>
    public async Task<int> ForkAsync() => (int)ParseNumber(await RunAsync("fork"));

    /// <summary>Connects to a Unix socket; an earlier connection is closed.</summary>
    /// <param name="path">The socket.</param>
    public Task ConnectAsync(string path) => RunAsync($"connect {path}");

    /// <summary>Connects and sends a text with the userfaultfd in one message, and leaves the connection open.</summary>
    /// <param name="path">The socket.</param>
    /// <param name="text">One line of text, such as JSON.</param>
    public Task SendAsync(string path, string text) => RunAsync($"send {path} {text}");

    /// <summary>Sends text alone over the connection.</summary>
    /// <param name="text">Any text, or a piece of one.</param>
    public Task SendTextAsync(string text) => RunAsync($"sendtext {ToHex(text)}");

    /// <summary>Sends descriptors beside one space over the connection.</summary>
    /// <param name="what"><c>uffd</c>, <c>null</c> (/dev/null) or <c>memfd</c> (of the selected region), each any number of times.</param>
    public Task SendDescriptorsAsync(params IEnumerable<string> what) => RunAsync($"sendfd {string.Join(' ', what)}");

    /// <summary>Sends text and descriptors in one message over the connection.</summary>
    /// <param name="text">At least one character.</param>
    /// <param name="what">As of <see cref="SendDescriptorsAsync"/>.</param>
    public Task SendBothAsync(string text, params IEnumerable<string> what) => RunAsync($"sendboth {ToHex(text)} {string.Join(' ', what)}");

    /// <summary>Waits for something on the connection.</summary>
    /// <param name="length">At most so many bytes, and at most 8192.</param>
    /// <returns>The text, or null at the end.</returns>
    public async Task<string?> ReceiveAsync(int length = 8192)
    {
        string answer = await RunAsync($"recv {length}");
        return answer is "eof" ? null : Encoding.UTF8.GetString(Convert.FromHexString(answer));
    }

    /// <summary>Closes the connection.</summary>
    public Task CloseSocketAsync() => RunAsync("closesock");

    /// <summary>How many descriptors the process has open.</summary>
    public async Task<int> CountDescriptorsAsync() => (int)ParseNumber(await RunAsync("descriptors"));

    internal static ulong ParseNumber(string text)
        => text.StartsWith("0x", StringComparison.Ordinal)
            ? ulong.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            : ulong.Parse(text, CultureInfo.InvariantCulture);

    private async Task<UffdFeatures> CreateUserfaultfdAsync(string features, bool? userModeOnly)
    {
        string command = $"uffd {features}{(userModeOnly == true ? " useronly" : "")}";
        TargetReply reply = await TryAsync(command);
        if (reply.Errno == Errno.EPERM && userModeOnly is null)
        {
            command += " useronly";
            reply = await TryAsync(command);
        }

        return reply.Succeeded ? (UffdFeatures)ParseNumber(reply.Words[0]) : throw new TargetException(command, reply);
    }

    private static string ToHex(string text) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text));

    private static AddressRange ParseRange(string text)
    {
        string[] words = text.Split(' ');
        return new AddressRange(ParseNumber(words[0]), ParseNumber(words[1]));
    }

    private sealed class ForwardedCommands(TargetCommands parent) : TargetCommands
    {
        public override Task<TargetReply> TryAsync(string command) => parent.TryAsync($"child {command}");
    }
}

/// <summary>A command that runs on a thread of a target.</summary>
/// <param name="Target">Where it runs.</param>
/// <param name="Id">The target's name for it.</param>
/// <param name="Command">The command.</param>
public sealed record TargetJob(TargetCommands Target, string Id, string Command)
{
    /// <summary>Whether it has come to its end. It says nothing about how far a running one is.</summary>
    public async Task<bool> IsDoneAsync() => await Target.RunAsync($"done {Id}") is "1";

    /// <summary>
    /// Sends its thread a signal, which is handled and changes nothing, except that a thread that waits for a page faults again
    /// and is announced once more. A <c>touchmany</c> touches on other threads, which the signal does not reach.
    /// </summary>
    public Task InterruptAsync() => Target.RunAsync($"interrupt {Id}");

    /// <summary>Waits for it and gives its answer, also an error. Until then the target obeys nothing else.</summary>
    public Task<TargetReply> TryJoinAsync() => Target.TryAsync($"join {Id}");

    /// <summary>Waits for it; it must have worked. Until then the target obeys nothing else.</summary>
    /// <returns>What follows <c>ok</c>.</returns>
    public async Task<string> JoinAsync()
    {
        TargetReply reply = await TryJoinAsync();
        return reply.Succeeded ? reply.Text : throw new TargetException(Command, reply);
    }

    /// <summary>Waits for <c>touch</c>, <c>write</c> or <c>touchmany</c> and gives what was read.</summary>
    public async Task<TouchResult[]> JoinTouchesAsync() => [.. (await JoinAsync()).Split(' ').Select(TouchResult.Parse)];
}
