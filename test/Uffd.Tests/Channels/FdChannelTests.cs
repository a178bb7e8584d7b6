namespace Uffd.Tests.Channels;

public class FdChannelTests
{
    private const long CloseOnExec = 0x80000;

    private readonly List<SafeDescriptorHandle> _received = [];

    [Fact]
    public void Bytes_go_both_ways()
    {
        (FdChannel first, FdChannel second) = FdChannel.CreatePair();
        using (first)
        using (second)
        {
            first.Send("there"u8);
            second.Send("back"u8);
            Assert.Equal("there", Receive(second));
            Assert.Equal("back", Receive(first));
            Assert.Empty(_received);
        }
    }

    [Fact]
    public void Descriptors_go_both_ways_as_copies_that_close_on_exec()
    {
        using MemoryMapping memfd = MemoryMapping.CreateMemfd("sent", Arena.Page);
        memfd.AsSpan()[0] = 42;
        (FdChannel first, FdChannel second) = FdChannel.CreatePair();
        using (first)
        using (second)
        {
            first.Send("x"u8, memfd.Descriptor!);
            Receive(second);
            second.Send("y"u8, Assert.Single(_received));
            _received[0].Dispose();
            _received.Clear();
            Receive(first);
        }

        using SafeDescriptorHandle back = Assert.Single(_received);
        Assert.NotEqual(memfd.Descriptor!.DangerousGetHandle(), back.DangerousGetHandle());
        using MemoryMapping view = MemoryMapping.MapMemfd(back, Arena.Page);
        Assert.Equal(42, view.AsSpan()[0]);
        string flags = File.ReadLines($"/proc/self/fdinfo/{back.DangerousGetHandle()}").Single(line => line.StartsWith("flags:", StringComparison.Ordinal));
        Assert.NotEqual(0, Convert.ToInt64(flags["flags:".Length..].Trim(), 8) & CloseOnExec);
    }

    [Fact]
    public void What_fits_is_sent_without_waiting_and_its_descriptors_go_once()
    {
        using MemoryMapping memfd = MemoryMapping.CreateMemfd("sent", Arena.Page);
        (FdChannel first, FdChannel second) = FdChannel.CreatePair();
        using (first)
        using (second)
        {
            byte[] much = new byte[4 << 20];
            int sent = first.SendAvailable(much, memfd.Descriptor!);
            Assert.InRange(sent, 1, much.Length - 1);
            while (first.SendAvailable(much) > 0)
            {
                // until there is no room
            }

            Assert.Equal(0, first.SendAvailable(much, memfd.Descriptor!));
            second.Receive(new byte[64 << 10], _received);
            using SafeDescriptorHandle copy = Assert.Single(_received);
            second.Dispose();
            Assert.Equal(Errno.EPIPE, Assert.Throws<UffdException>(() => first.SendAvailable(much)).Errno);
        }
    }

    [Fact]
    public void Looking_takes_neither_bytes_nor_descriptors()
    {
        using MemoryMapping memfd = MemoryMapping.CreateMemfd("sent", Arena.Page);
        (FdChannel first, FdChannel second) = FdChannel.CreatePair();
        using (second)
        {
            byte[] seen = new byte[2];
            Assert.Equal(-1, second.Peek(seen));
            first.Send("abc"u8, memfd.Descriptor!);
            Assert.Equal(2, second.Peek(seen));
            Assert.Equal("ab"u8, seen);
            Assert.Equal("abc", Receive(second));
            using SafeDescriptorHandle copy = Assert.Single(_received);
            first.Dispose();
            Assert.Equal(0, second.Peek(seen));
        }
    }

    [Fact]
    public void As_many_descriptors_as_fit_go_in_one_message()
    {
        using MemoryMapping memfd = MemoryMapping.CreateMemfd("sent", Arena.Page);
        SafeDescriptorHandle[] many = [.. Enumerable.Repeat(memfd.Descriptor!, FdChannel.MaxDescriptors)];
        (FdChannel first, FdChannel second) = FdChannel.CreatePair();
        using (first)
        using (second)
        {
            first.Send("x"u8, many);
            FdReceiveResult result = second.Receive(new byte[8], _received);
            Assert.Equal(new FdReceiveResult(1, WouldBlock: false, DescriptorsTruncated: false), result);
            Assert.Equal(FdChannel.MaxDescriptors, _received.Count);
            Assert.Throws<ArgumentOutOfRangeException>(() => first.Send("x"u8, [.. many, memfd.Descriptor!]));
        }

        _received.ForEach(one => one.Dispose());
    }

    [Fact]
    public void Descriptors_without_a_byte_would_be_lost_and_are_refused()
    {
        using MemoryMapping memfd = MemoryMapping.CreateMemfd("sent", Arena.Page);
        (FdChannel first, FdChannel second) = FdChannel.CreatePair();
        using (first)
        using (second)
        {
            Assert.Throws<ArgumentException>(() => first.Send([], memfd.Descriptor!));
        }
    }

    [Fact]
    public async Task Too_many_descriptors_are_told_and_those_that_came_are_owned()
    {
        await using NativeTarget target = await NativeTarget.StartAsync();
        using var folder = new TemporaryFolder();
        using FdListener listener = FdListener.Listen(folder.File("socket"));
        await target.ConnectAsync(listener.Path);
        using FdChannel channel = listener.TryAccept()!;
        await target.SendBothAsync("many", Enumerable.Repeat("null", 40));
        byte[] buffer = new byte[16];
        FdReceiveResult result = channel.Receive(buffer, _received);
        Assert.Equal(new FdReceiveResult(4, WouldBlock: false, DescriptorsTruncated: true), result);
        Assert.Equal(FdChannel.MaxDescriptors, _received.Count);
        Assert.All(_received, one => Assert.Equal("/dev/null", DescriptorInfo.Describe(one)));
        _received.ForEach(one => one.Dispose());
    }

    [Fact]
    public async Task Descriptors_and_text_may_come_apart()
    {
        await using NativeTarget target = await NativeTarget.StartAsync();
        using var folder = new TemporaryFolder();
        using FdListener listener = FdListener.Listen(folder.File("socket"));
        await target.ConnectAsync(listener.Path);
        using FdChannel channel = listener.TryAccept()!;
        await target.SendTextAsync("{\"a\":");
        Assert.Equal("{\"a\":", Receive(channel));
        await target.SendDescriptorsAsync("null");
        Assert.Equal(" ", Receive(channel));
        using SafeDescriptorHandle descriptor = Assert.Single(_received);
        await target.SendTextAsync("1}");
        Assert.Equal("1}", Receive(channel));
        channel.Send("ok"u8);
        Assert.Equal("ok", await target.ReceiveAsync());
        await target.CloseSocketAsync();
        Assert.True(channel.Receive(new byte[1], _received).IsEnd);
    }

    [Fact]
    public void Received_descriptors_are_owned_even_if_the_buffer_is_too_small()
    {
        using MemoryMapping memfd = MemoryMapping.CreateMemfd("sent", Arena.Page);
        (FdChannel first, FdChannel second) = FdChannel.CreatePair();
        using (first)
        using (second)
        {
            first.Send("long text"u8, memfd.Descriptor!);
            byte[] one = new byte[1];
            Assert.Equal(1, second.Receive(one, _received).Bytes);
            Assert.Single(_received).Dispose();
            Assert.Equal("ong text", Receive(second));
            Assert.Single(_received); // with the first byte only
        }
    }

    [Fact]
    public void Nothing_there_is_no_end()
    {
        (FdChannel first, FdChannel second) = FdChannel.CreatePair();
        using (first)
        {
            first.SetNonBlocking(true);
            FdReceiveResult nothing = first.Receive(new byte[1], _received);
            Assert.True(nothing.WouldBlock);
            Assert.False(nothing.IsEnd);
            second.Dispose();
            Assert.True(first.Receive(new byte[1], _received).IsEnd);
            Assert.Equal(Errno.EPIPE, Assert.Throws<UffdException>(() => first.Send("x"u8)).Errno);
            Assert.False(first.TrySend("x"u8));
        }
    }

    [Fact]
    public async Task Much_is_sent_in_pieces_and_a_full_channel_is_told()
    {
        (FdChannel first, FdChannel second) = FdChannel.CreatePair();
        using (first)
        using (second)
        {
            while (first.TrySend(new byte[4096]))
            {
            }

            second.SetNonBlocking(true);
            byte[] buffer = new byte[1 << 16];
            while (!second.Receive(buffer, _received).WouldBlock)
            {
            }

            second.SetNonBlocking(false);
            byte[] bytes = Content.Random(512); // more than a socket holds
            Task<bool> send = NativeTouch.Run(() =>
            {
                first.Send(bytes);
                return true;
            });
            var all = new List<byte>();
            while (all.Count < bytes.Length)
            {
                all.AddRange(buffer.AsSpan(0, second.Receive(buffer, _received).Bytes));
            }

            Assert.Equal(bytes, all);
            Assert.True(await send);
        }
    }

    [Fact]
    public void Peer_of_a_pair_is_oneself()
    {
        (FdChannel first, FdChannel second) = FdChannel.CreatePair();
        using (first)
        using (second)
        {
            PeerCredentials peer = first.GetPeer();
            Assert.Equal(Environment.ProcessId, peer.ProcessId);
            Assert.Equal(PeerCredentials.OwnUserId, peer.UserId);
            using ProcessHandle? process = first.OpenPeerProcess();
            Assert.NotNull(process);
            Assert.False(process.HasExited);
        }
    }

    [Fact]
    public async Task Peer_that_connected_is_known_also_after_its_end()
    {
        await using NativeTarget target = await NativeTarget.StartAsync();
        using var folder = new TemporaryFolder();
        using FdListener listener = FdListener.Listen(folder.File("socket"));
        await target.ConnectAsync(listener.Path);
        using FdChannel channel = listener.TryAccept()!;
        Assert.Equal(target.ProcessId, channel.GetPeer().ProcessId);
        using ProcessHandle? process = channel.OpenPeerProcess();
        Assert.NotNull(process);
        Assert.Equal(target.ProcessId, process.ProcessId);
        Assert.False(process.HasExited);
        await target.CrashAsync();
        Assert.True(process.HasExited);
        using ProcessHandle? late = channel.OpenPeerProcess();
        Assert.True(late is null || late.HasExited);
    }

    [Fact]
    public void Nobody_to_connect_to_is_told_with_advice()
    {
        using var folder = new TemporaryFolder();
        UffdException nothing = Assert.Throws<UffdException>(() => FdChannel.Connect(folder.File("nothing")));
        Assert.Equal(Errno.ENOENT, nothing.Errno);
        Assert.Contains("uffd serve", nothing.Message, StringComparison.Ordinal);
        UffdException tooLong = Assert.Throws<UffdException>(() => FdChannel.Connect("/" + new string('x', 107)));
        Assert.Contains("at most 107 fit", tooLong.Message, StringComparison.Ordinal);
    }

    private string Receive(FdChannel channel)
    {
        byte[] buffer = new byte[256];
        int count = channel.Receive(buffer, _received).Bytes;
        return System.Text.Encoding.UTF8.GetString(buffer, 0, count);
    }
}
