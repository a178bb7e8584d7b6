using System.Diagnostics.CodeAnalysis;
using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>Memory as a stream, with and without waiting.</summary>
[SuppressMessage("Performance", "CA1835", Justification = "the overloads with arrays are to be used as well")]
internal static class StreamPaths
{
    public static IReadOnlyList<AccessPath> All { get; } =
    [
        AccessPath.OnThreads("stream-read", Read, "PagedMemory.AsStream", "PagedStream.Read(Span)", "PagedStream.Read(Byte[], Int32, Int32)", "PagedStream.ReadByte", "PagedStream.Seek", "PagedStream.Position", "PagedStream.Length", "PagedStream.CanRead", "PagedStream.CanSeek"),
        AccessPath.OnThreads("stream-write", Write, "PagedStream.new", "PagedStream.Write(ReadOnlySpan)", "PagedStream.Write(Byte[], Int32, Int32)", "PagedStream.WriteByte", "PagedStream.Flush", "PagedStream.CanWrite", "PagedStream.SetLength"),
        AccessPath.InTasks("stream-async", ReadAndWriteAsync, "PagedStream.ReadAsync(Memory, CancellationToken)", "PagedStream.ReadAsync(Byte[], Int32, Int32, CancellationToken)", "PagedStream.WriteAsync(ReadOnlyMemory, CancellationToken)", "PagedStream.WriteAsync(Byte[], Int32, Int32, CancellationToken)", "PagedStream.FlushAsync"),
    ];

    private static void Read(Worker worker)
    {
        int length = worker.AnyLength();
        long at = worker.Readable(length);
        using PagedStream stream = worker.Memory.AsStream();
        _ = stream.Seek(at, SeekOrigin.Begin);
        switch (worker.Random.Next(3))
        {
            case 0:
                Same(stream.Read(worker.Buffer.AsSpan(0, length)), length);
                break;
            case 1:
                Same(stream.Read(worker.Buffer, 0, length), length);
                break;
            default:
                length = Math.Min(length, 3);
                for (int index = 0; index < length; index++)
                {
                    worker.Buffer[index] = checked((byte)stream.ReadByte());
                }

                break;
        }

        worker.Check(at, worker.Buffer.AsSpan(0, length));
        Same(stream.Position, at + length);
        Same(stream.Length, Layout.Length);
        Same(stream.CanRead && stream.CanSeek ? 1 : 0, 1);
    }

    private static void Write(Worker worker)
    {
        int length = worker.AnyLength();
        long at = worker.Writable(length);
        ReadOnlyMemory<byte> fresh = worker.Fresh(length);
        using var stream = new PagedStream(worker.Memory) { Position = at };
        switch (worker.Random.Next(3))
        {
            case 0:
                stream.Write(fresh.Span);
                break;
            case 1:
                stream.Write(fresh.ToArray(), 0, length);
                break;
            default:
                length = Math.Min(length, 3);
                for (int index = 0; index < length; index++)
                {
                    stream.WriteByte(fresh.Span[index]);
                }

                break;
        }

        worker.Wrote(at, fresh.Span[..length]);
        stream.Flush();
        Same(stream.Position, at + length);
        Same(stream.CanWrite ? 1 : 0, 1);
        stream.Position = at;
        stream.ReadExactly(worker.Buffer.AsSpan(0, length));
        worker.Check(at, worker.Buffer.AsSpan(0, length));
        if (worker.Random.Next(64) == 0)
        {
            RefuseAnotherLength(stream);
        }
    }

    private static async ValueTask ReadAndWriteAsync(Worker worker)
    {
        int length = worker.AnyLength();
        long at = worker.Writable(length);
        ReadOnlyMemory<byte> fresh = worker.Fresh(length);
        bool arrays = worker.Random.Next(2) == 0;
        await using PagedStream stream = worker.Memory.AsStream();
        stream.Position = at;
        await (arrays ? new ValueTask(stream.WriteAsync(fresh.ToArray(), 0, length, CancellationToken.None)) : stream.WriteAsync(fresh));
        worker.Wrote(at, fresh.Span);
        await stream.FlushAsync();
        at = worker.Readable(length);
        stream.Position = at;
        Same(arrays ? await stream.ReadAsync(worker.Buffer, 0, length, CancellationToken.None) : await stream.ReadAsync(worker.Buffer.AsMemory(0, length)), length);
        worker.Check(at, worker.Buffer.AsSpan(0, length));
        Same(stream.Position, at + length);
    }

    private static void RefuseAnotherLength(PagedStream stream)
    {
        try
        {
            stream.SetLength(1);
        }
        catch (NotSupportedException)
        {
            return; // as it was meant
        }

        throw new InvalidDataException("a stream over memory let its length be set");
    }

    private static void Same(long found, long expected)
    {
        if (found != expected)
        {
            throw new InvalidDataException($"{found} came out of a stream, and {expected} should have");
        }
    }
}
