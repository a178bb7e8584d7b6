using System.Diagnostics;
using System.Security.Cryptography;
using Uffd.Paging;

namespace Uffd.Daemon.Demo;

/// <summary>
/// The process whose memory is paged in the demo. It hands its memory over and at once reads every page in a random order, before
/// they have arrived, and checks each. Its faults are served by another process, so ordinary managed code may take them.
/// </summary>
public static class DemoWorker
{
    private const int ReportEvery = 1024;

    /// <summary>Runs it.</summary>
    /// <param name="socketPath">The daemon's socket.</param>
    /// <param name="length">The image's bytes.</param>
    /// <param name="checksumsPath">The pages' checksums.</param>
    /// <param name="output">Receives a line of JSON now and then, and the result last.</param>
    /// <returns>Whether everything was right.</returns>
    public static bool Run(string socketPath, ulong length, string checksumsPath, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(output);
        try
        {
            DemoWorkerResult result = Measure(socketPath, length, ImageDigest.ReadChecksums(checksumsPath), output);
            output.WriteLine(DemoJson.Write(new DemoWorkerLine((long)(length / (ulong)Environment.SystemPageSize), result)));
            return result.WrongPages == 0;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            output.WriteLine(DemoJson.Write(new DemoWorkerLine(0, Error: exception.Message)));
            return false;
        }
    }

    private static DemoWorkerResult Measure(string socketPath, ulong length, uint[] checksums, TextWriter output)
    {
        int[] order = [.. Enumerable.Range(0, checksums.Length)];
        new Random(20).Shuffle(order);
        int pageSize = Environment.SystemPageSize;
        byte[] page = new byte[pageSize];
        var touches = new LatencyHistogram();
        WarmUp(socketPath, page);

        long started = Stopwatch.GetTimestamp();
        using LazyMemory memory = LazyMemory.Map(socketPath, length);
        double firstAccessMs = 0;
        long wrong = 0;
        for (int touched = 0; touched < order.Length; touched++)
        {
            ReadOnlySpan<byte> source = memory.Mapping.AsSpan((ulong)order[touched] * (ulong)pageSize, pageSize);
            long before = Stopwatch.GetTimestamp();
            page[0] = source[0]; // waits here for a page that is not there yet
            long after = Stopwatch.GetTimestamp();
            if (touched == 0)
            {
                firstAccessMs = Stopwatch.GetElapsedTime(started, after).TotalMilliseconds;
            }

            touches.Add((after - before) * (1_000_000_000 / Stopwatch.Frequency));
            wrong += ImageDigest.Checksum(source) == checksums[order[touched]] ? 0 : 1;
            if (touched % ReportEvery == ReportEvery - 1)
            {
                if (memory.HasFailed(out string? failure))
                {
                    throw new UffdException(failure!);
                }

                output.WriteLine(DemoJson.Write(new DemoWorkerLine(touched + 1)));
                output.Flush();
            }
        }

        return new DemoWorkerResult(firstAccessMs, wrong, Hash(memory.Mapping, length), touches.ToCounts());
    }

    /// <summary>One page, handed over and read, so that what is timed afterwards is paging and not the runtime's start.</summary>
    private static void WarmUp(string socketPath, Span<byte> page)
    {
        using LazyMemory memory = LazyMemory.Map(socketPath, (ulong)page.Length);
        memory.Mapping.AsSpan(0, page.Length).CopyTo(page);
        _ = ImageDigest.Checksum(page);
    }

    private static string Hash(MemoryMapping memory, ulong length)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (ulong done = 0; done < length;)
        {
            int part = (int)Math.Min(length - done, 1 << 20);
            hash.AppendData(memory.AsSpan(done, part));
            done += (ulong)part;
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
