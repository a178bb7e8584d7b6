using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using Uffd.PagerProcess.Tests.Support;
using Uffd.Paging;

namespace Uffd.PagerProcess.Tests.Starting;

/// <summary>A pager process whose client says nonsense, or nothing, ends with a word and does not hang.</summary>
public class HostileTests
{
    [Theory]
    [InlineData("close")]
    [InlineData("long")]
    [InlineData("zero")]
    [InlineData("text")]
    [InlineData("kind")]
    [InlineData("version")]
    [InlineData("store")]
    [InlineData("settings")]
    [InlineData("descriptors")]
    public async Task Nonsense_ends_it_with_status_1(string what)
    {
        using PagerUnderTest pager = await PagerUnderTest.StartAsync();
        FdChannel channel = pager.Channel;
        switch (what)
        {
            case "close":
                channel.Dispose();
                break;
            case "long":
                channel.Send([0xff, 0xff, 0xff, 0x7f]);
                break;
            case "zero":
                channel.Send([0, 0, 0, 0]);
                break;
            case "text":
                channel.Send(Frame("no json"));
                break;
            case "kind":
                channel.Send(Frame("""{"kind":"Flush"}"""));
                break;
            case "version":
                channel.Send(Frame("""{"kind":"Open","version":77}"""));
                break;
            case "store":
                channel.Send(Frame("""{"kind":"Open","version":1,"store":{"kind":"File","path":"relative"},"settings":{"memoryLimit":1048576}}"""));
                break;
            case "settings":
                channel.Send(Frame("""{"kind":"Open","version":1,"store":{"kind":"Memory","length":4096},"settings":{"memoryLimit":1}}"""));
                break;
            default:
                using (SafeDescriptorHandle descriptor = MemoryMapping.CreateMemfd("x", 4096).Descriptor!)
                {
                    channel.Send(Frame("""{"kind":"Flush"}"""), [.. Enumerable.Repeat(descriptor, 16)]);
                }

                break;
        }

        Assert.Equal(1, await pager.WaitForExitAsync());
    }

    [Fact]
    public async Task Other_descriptors_than_asked_for_are_refused()
    {
        using var image = new TestImage(1);
        using PagerUnderTest pager = await PagerUnderTest.StartAsync();
        using var channel = new RawChannel(pager.Channel);
        channel.Send(new RawMessage
        {
            Kind = RawMessageKind.Open,
            Version = RawMessage.ProtocolVersion,
            Store = image.Describe(),
            Settings = RawSettings.Of(RegionTouch.Small),
        });
        Assert.Equal(RawMessageKind.Opened, channel.Receive(ClientProcess.Patience)?.Kind);
        using MemoryMapping memory = MemoryMapping.CreateMemfd("x", 4096);
        channel.Send(new RawMessage { Kind = RawMessageKind.Serve, Address = memory.Address, Length = 4096 }, memory.Descriptor!, memory.Descriptor!);
        RawMessage? answer = channel.Receive(ClientProcess.Patience);
        Assert.Equal(RawMessageKind.Refused, answer?.Kind);
        Assert.Contains("sealed", answer!.Text, StringComparison.Ordinal);
        Assert.Equal(1, await pager.WaitForExitAsync());
    }

    /// <summary>A client that closes its connection and lives on: what it had written is saved, and what it touches then is SIGBUS.</summary>
    [Fact]
    public async Task Client_that_falls_silent_is_saved_and_then_refused()
    {
        Requires.KernelFaults();
        using var image = new TestImage(16);
        using PagerUnderTest pager = await PagerUnderTest.StartAsync();
        using RawMapping memory = RawMapping.Create((ulong)image.Length, isReadOnly: false);
        using (var channel = new RawChannel(pager.Channel))
        {
            channel.Send(new RawMessage
            {
                Kind = RawMessageKind.Open,
                Version = RawMessage.ProtocolVersion,
                Store = image.Describe(),
                Settings = RawSettings.Of(RegionTouch.Small),
            });
            Assert.Equal(RawMessageKind.Opened, channel.Receive(ClientProcess.Patience)?.Kind);
            channel.Send(
                new RawMessage { Kind = RawMessageKind.Serve, Address = memory.Range.Start, Length = memory.Range.Length }, memory.Userfaultfd.Handle, memory.Memfd);
            Assert.Equal(RawMessageKind.Ready, channel.Receive(ClientProcess.Patience)?.Kind);
            await NativeTouch.FillAsync(memory.Range.Start, 5, 4096);
        }

        Assert.Equal(0, await pager.WaitForExitAsync());
        Assert.All(image.ReadFile(0, 4096), value => Assert.Equal(5, value));
        Assert.Equal(Errno.EFAULT, await NativeTouch.Run(() => GuardedMemory.TryRead(memory.Range.Start, new byte[1])));
        Assert.Equal(Errno.EFAULT, await NativeTouch.Run(() => GuardedMemory.TryRead(memory.Range.Start + (8 * 4096), new byte[1])));
    }

    private static byte[] Frame(string text)
    {
        byte[] bytes = new byte[4 + Encoding.UTF8.GetByteCount(text)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, bytes.Length - 4);
        Encoding.UTF8.GetBytes(text, bytes.AsSpan(4));
        return bytes;
    }

    private sealed class PagerUnderTest(Process process, FdChannel channel) : IDisposable
    {
        public FdChannel Channel { get; } = channel;

        public static async Task<PagerUnderTest> StartAsync()
        {
            using var folder = new TemporaryFolder();
            using FdListener listener = FdListener.Listen(folder.File("s"));
            Process process = Process.Start(PagerProgram.Find(path: null).CreateStart(PagerVerbs.Serve, listener.Path))!;
            FdChannel? channel = null;
            await RegionTouch.UntilAsync(() => (channel = listener.TryAccept()) is not null, "a connection");
            channel!.SetNonBlocking(false);
            return new PagerUnderTest(process, channel);
        }

        public async Task<int> WaitForExitAsync()
        {
            using var limit = new CancellationTokenSource(TestTime.Scaled(TimeSpan.FromSeconds(10)));
            await process.WaitForExitAsync(limit.Token);
            return process.ExitCode;
        }

        public void Dispose()
        {
            if (!process.HasExited)
            {
                process.Kill();
            }

            process.Dispose();
            Channel.Dispose();
        }
    }
}
