using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;

namespace Uffd.Bench;

/// <summary>The operations of a sequence, one after the other, as <c>outofcore.c</c> does them.</summary>
internal static class ZipfChild
{
    public static JsonObject Run(ChildOptions options)
    {
        var sequence = OperationSequence.Read(options.Sequence);
        using var memory = options.Open();
        var operations = sequence.Operations;
        foreach (var operation in operations)
        {
            if ((operation & ~OperationSequence.WriteBit) >= memory.Length / Record.Size)
            {
                throw new BenchException("the sequence is of another file");
            }
        }

        var order = sequence.Order;
        var seen = Operate(memory, operations[..options.WarmUp]);
        memory.Flush();

        var misses = memory.Misses;
        var watch = Stopwatch.StartNew();
        seen = Record.Mix(seen ^ Operate(memory, operations[options.WarmUp..]));
        var seconds = watch.Elapsed.TotalSeconds;
        misses = memory.Misses - misses;
        watch.Restart();
        memory.Flush();
        return new JsonObject
        {
            ["operations"] = operations.Length - options.WarmUp,
            ["seconds"] = seconds,
            ["flushSeconds"] = watch.Elapsed.TotalSeconds,
            ["misses"] = misses,
            ["order"] = $"{order:x16}",
            ["seen"] = $"{seen:x16}",
            ["facts"] = memory.Facts,
        };
    }

    /// <summary>The warm-up compiles it, and the timed part must not be held up by that: no later tier replaces it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong Operate(ISideMemory memory, ReadOnlySpan<uint> operations)
    {
        ulong seen = 0;
        foreach (var operation in operations)
        {
            var number = operation & ~OperationSequence.WriteBit;
            var record = memory.Read(number);
            if (!record.IsRight(number))
            {
                throw new BenchException($"record {number} is not what it must be");
            }

            seen = Record.Mix(seen ^ record.Check);
            if ((operation & OperationSequence.WriteBit) != 0)
            {
                memory.Write(number, new Record(number, record.Writes + 1));
            }
        }

        return seen;
    }
}
