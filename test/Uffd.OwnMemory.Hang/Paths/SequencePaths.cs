using System.Buffers;
using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>Bytes for parsers and writers: sequences, memory of leases, buffers to write into; and finding bytes.</summary>
internal static class SequencePaths
{
    public static IReadOnlyList<AccessPath> All { get; } =
    [
        AccessPath.OnThreads("sequence", Sequence, "PagedMemory.LeaseSequence", "LeasedSequence.Sequence", "LeasedSequence.Dispose"),
        AccessPath.InTasks("sequence-async", SequenceAsync, "PagedMemory.LeaseSequenceAsync"),
        AccessPath.InTasks("lease-memory", LeaseMemoryAsync, "PageLease.AsMemory", "PageLease.AsReadOnlyMemory"),
        AccessPath.OnThreads("buffer-writer", WriteOneBehindTheOther, "PagedBufferWriter.new", "PagedBufferWriter.GetSpan", "PagedBufferWriter.GetMemory", "PagedBufferWriter.Advance", "PagedBufferWriter.Written", "PagedBufferWriter.Remaining", "PagedBufferWriter.Dispose"),
        AccessPath.OnThreads("find-bytes", Find, "PagedMemory.IndexOf"),
    ];

    private static void Sequence(Worker worker)
    {
        int length = worker.ShortLength();
        long at = worker.Readable(length);
        using LeasedSequence leased = worker.Memory.LeaseSequence(at, length);
        Check(worker, at, length, leased.Sequence);
        worker.Touch(); // while it is held, others must go
        Check(worker, at, length, leased.Sequence);
    }

    private static async ValueTask SequenceAsync(Worker worker)
    {
        int length = worker.ShortLength();
        long at = worker.Readable(length);
        using LeasedSequence leased = await worker.Memory.LeaseSequenceAsync(at, length);
        Check(worker, at, length, leased.Sequence);
        await Task.Yield(); // held across threads
        Check(worker, at, length, leased.Sequence);
    }

    /// <summary>What is read and written goes through an asynchronous stream, which pins the bytes or copies them as it likes.</summary>
    private static async ValueTask LeaseMemoryAsync(Worker worker)
    {
        int length = worker.ShortLength();
        long from = worker.Readable(length);
        long to = worker.Writable(length);
        using var between = new MemoryStream(worker.Buffer);
        using (PageLease lease = await worker.Memory.LeaseAsync(from, length, PageAccess.Read))
        {
            await between.WriteAsync(lease.AsReadOnlyMemory());
        }

        worker.Check(from, worker.Buffer.AsSpan(0, length));
        worker.Fresh(length).CopyTo(worker.Buffer);
        between.Position = 0;
        using (PageLease lease = await worker.Memory.LeaseAsync(to, length, PageAccess.Write))
        {
            await between.ReadExactlyAsync(lease.AsMemory());
            worker.Wrote(to, worker.Buffer.AsSpan(0, length));
            using MemoryHandle pinned = lease.AsMemory().Pin();
            worker.Check(to, lease.AsMemory().Span);
        }
    }

    private static void WriteOneBehindTheOther(Worker worker)
    {
        int length = worker.AnyLength();
        long at = worker.Writable(length);
        int before = worker.Random.Next(length); // stays as it is
        using (var writer = new PagedBufferWriter(worker.Memory.Slice(at, length), before))
        {
            while (writer.Remaining > 0)
            {
                int count = (int)Math.Min(writer.Remaining, worker.Random.Next(1, 8192));
                int asked = worker.Random.Next(2) == 0 ? count : count + 300; // near the end there is not so much
                ReadOnlySpan<byte> fresh = worker.Fresh(count).Span;
                fresh.CopyTo(worker.Random.Next(2) == 0 ? writer.GetSpan(asked) : writer.GetMemory(asked).Span);
                long written = writer.Written;
                writer.Advance(count);
                worker.Wrote(at + before + written, fresh);
            }

            if (writer.Written != length - before)
            {
                throw new InvalidDataException($"{writer.Written} bytes were written, and it says {length - before}");
            }
        }

        worker.Memory.CopyTo(at, worker.Buffer.AsSpan(0, length));
        worker.Check(at, worker.Buffer.AsSpan(0, length));
    }

    private static void Find(Worker worker)
    {
        int length = worker.AnyLength();
        long at = worker.Readable(length);
        ReadOnlySpan<byte> expected = worker.Run.Content.Expected.AsSpan((int)at, length);
        int start = worker.Random.Next(length);
        int count = worker.Random.Next(1, Math.Min(length - start, 6000) + 1);
        ReadOnlySpan<byte> value = worker.Random.Next(4) == 0 ? worker.Fresh(count).Span : expected.Slice(start, count);
        int from = worker.Random.Next(start + 1);
        int rest = expected[from..].IndexOf(value);
        long found = worker.Memory.Slice(at, length).IndexOf(value, from);
        if (found != (rest < 0 ? -1 : from + rest))
        {
            throw new InvalidDataException($"{count} bytes were found at {found} of {length} bytes from {at}, and they are at {(rest < 0 ? -1 : from + rest)}");
        }

        worker.Touch();
    }

    private static void Check(Worker worker, long at, int length, ReadOnlySequence<byte> sequence)
    {
        if (sequence.Length != length)
        {
            throw new InvalidDataException($"a sequence of {length} bytes has {sequence.Length}");
        }

        foreach (ReadOnlyMemory<byte> segment in sequence)
        {
            worker.Check(at, segment.Span);
            at += segment.Length;
        }
    }
}
