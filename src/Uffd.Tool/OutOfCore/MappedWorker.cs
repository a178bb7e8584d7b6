using System.Diagnostics;
using System.Globalization;

namespace Uffd.Tool.OutOfCore;

/// <summary>
/// The mapped side of the comparison, in a process of its own whose memory can be limited. It makes its file itself, so that its page cache is counted
/// as its own, says <c>ready</c>, waits for a line, and works.
/// </summary>
internal static class MappedWorker
{
    public const string Ready = "ready";
    public const string At = "at ";
    public const string Done = "done ";

    /// <summary>Runs it.</summary>
    public static int Run(string path, long bytes, long operations, TextReader input, TextWriter output)
    {
        Records.MakeFile(path, bytes, _ => { }, CancellationToken.None);
        using var memory = new MappedRecords(path, (ulong)bytes);
        var work = new RecordWork(bytes, operations);
        output.WriteLine(Ready);
        if (input.ReadLine() is null)
        {
            return ExitCodes.Interrupted; // whoever started this has ended
        }

        using (new Timer(_ => output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{At}{work.Share:0.000}")), null, 200, 200))
        {
            long started = Stopwatch.GetTimestamp();
            work.Run(memory, CancellationToken.None);
            memory.Flush();
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Done}{Stopwatch.GetElapsedTime(started).TotalSeconds:0.000000} {work.Wrong}"));
        }

        return ExitCodes.Done;
    }
}
