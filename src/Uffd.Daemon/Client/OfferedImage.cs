using System.Text;
using System.Text.Json;

namespace Uffd.Daemon;

/// <summary>
/// A daemon's image as it offers it to those who ask: a memfd to be mapped privately, so that all who do share what nobody has
/// written. <see cref="LazyMemory.MapShared"/> does the rest; for memory and a userfaultfd of your own, map it with MAP_PRIVATE, register that
/// for missing and minor faults, and hand it over as a <see cref="HandedRegion"/> that is shared.
/// </summary>
public sealed class OfferedImage : IDisposable
{
    private const int MaxAnswerBytes = 4096;
    private const MemfdSeals Needed = MemfdSeals.Shrink | MemfdSeals.FutureWrite;

    private OfferedImage(SafeDescriptorHandle memfd, ulong size, ulong length)
    {
        Memfd = memfd;
        Size = size;
        Length = length;
    }

    /// <summary>The memfd. May be closed once it is mapped.</summary>
    public SafeDescriptorHandle Memfd { get; }

    /// <summary>The image's bytes.</summary>
    public ulong Size { get; }

    /// <summary>The memfd's bytes: the image in whole pages, zeros behind its end.</summary>
    public ulong Length { get; }

    /// <summary>Asks a daemon.</summary>
    /// <param name="socketPath">Its socket.</param>
    /// <param name="timeout">How long to wait for its answer; null for ten seconds.</param>
    /// <exception cref="UffdException">
    /// No daemon, or it does not share its image (<see cref="UffdException.IsUnavailable"/>): the message has its reason.
    /// </exception>
    public static OfferedImage Ask(string socketPath, TimeSpan? timeout = null)
    {
        using FdChannel channel = FdChannel.Connect(socketPath);
        return Ask(channel, timeout);
    }

    /// <summary>Asks on a connection, which goes on and is non-blocking afterwards.</summary>
    internal static OfferedImage Ask(FdChannel channel, TimeSpan? timeout = null)
    {
        var descriptors = new List<SafeDescriptorHandle>();
        try
        {
            channel.Send("""{"request":"image"}"""u8);
            string line = ReadLine(channel, descriptors, timeout ?? TimeSpan.FromSeconds(10));
            ulong size = Parse(line);
            SafeDescriptorHandle memfd = descriptors is [var only] ? only : throw Refused("no memfd came with the pager's answer");
            ulong length = Check(memfd, size);
            descriptors.Clear();
            return new OfferedImage(memfd, size, length);
        }
        finally
        {
            descriptors.ForEach(descriptor => descriptor.Dispose());
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Memfd.Dispose();

    private static string ReadLine(FdChannel channel, List<SafeDescriptorHandle> descriptors, TimeSpan timeout)
    {
        channel.SetNonBlocking(true);
        using var poller = new EventPoller();
        poller.Add(channel.Handle, 1);
        Span<PollResult> ready = stackalloc PollResult[1];
        Span<byte> buffer = stackalloc byte[MaxAnswerBytes];
        int length = 0;
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        while (length < buffer.Length)
        {
            FdReceiveResult result = channel.Receive(buffer[length..], descriptors);
            length += result.Bytes;
            if (buffer[..length].IndexOf((byte)'\n') is var end and >= 0)
            {
                return Encoding.UTF8.GetString(buffer[..end]);
            }

            TimeSpan left = timeout - System.Diagnostics.Stopwatch.GetElapsedTime(start);
            if (result.IsEnd || left <= TimeSpan.Zero)
            {
                throw new UffdException(result.IsEnd ? "the pager has gone without an answer" : "the pager gave no answer: it may not know of requests");
            }

            if (result.WouldBlock)
            {
                poller.Wait(ready, left);
            }
        }

        throw new UffdException("the pager's answer is too long");
    }

    private static ulong Parse(string line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            if (root.TryGetProperty("image"u8, out JsonElement image)
                && image.GetProperty("pageSize"u8).GetInt32() == Environment.SystemPageSize
                && image.GetProperty("size"u8).TryGetUInt64(out ulong size))
            {
                return size;
            }

            throw Refused(root.TryGetProperty("error"u8, out JsonElement error) ? $"the pager does not share its image: {error.GetString()}" : $"the pager's answer was {line}");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw Refused($"the pager does not share its image: it answered {line}");
        }
    }

    /// <summary>A memfd that could become shorter would be SIGBUS under whoever maps it.</summary>
    private static ulong Check(SafeDescriptorHandle memfd, ulong size)
    {
        ulong length = global::Uffd.Memfd.GetLength(memfd);
        return (global::Uffd.Memfd.GetSeals(memfd) & Needed) == Needed && length >= size
            ? length
            : throw Refused("the memfd that the pager sent is shorter than its image, or not sealed");
    }

    private static UffdException Refused(string message) => new(message) { IsUnavailable = true };
}
