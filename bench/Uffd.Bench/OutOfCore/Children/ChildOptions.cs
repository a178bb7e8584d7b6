using System.Globalization;

namespace Uffd.Bench;

/// <summary>What the process of our side is told.</summary>
internal sealed record ChildOptions(string Mode)
{
    public const string Idle = "idle";

    public string File { get; private init; } = "";

    public string Sequence { get; private init; } = "";

    public int WarmUp { get; private init; }

    /// <summary>The memory that pages may take, in bytes.</summary>
    public ulong Limit { get; private init; }

    /// <summary>How often or how many: each mode has its own use for it.</summary>
    public int Count { get; private init; }

    /// <summary>Null for the region; else the advice for a plain mapping in its place.</summary>
    public string? MapAdvice { get; private init; }

    public static ChildOptions Parse(ReadOnlySpan<string> args)
    {
        if (args is not [var mode, .. var rest])
        {
            throw new BenchException("what is to be measured?");
        }

        var options = new ChildOptions(mode);
        while (rest is [var name, ..])
        {
            rest = rest[1..];
            var value = OptionValues.Next(name, ref rest);
            options = name switch
            {
                "--file" => options with { File = value },
                "--sequence" => options with { Sequence = value },
                "--warm" => options with { WarmUp = int.Parse(value, CultureInfo.InvariantCulture) },
                "--limit" => options with { Limit = ulong.Parse(value, CultureInfo.InvariantCulture) },
                "--count" => options with { Count = int.Parse(value, CultureInfo.InvariantCulture) },
                "--map" => options with { MapAdvice = value },
                _ => throw new BenchException($"unknown option {name}"),
            };
        }

        return options;
    }

    /// <summary>The file, over a region or as it is mapped.</summary>
    public ISideMemory Open() => MapAdvice is { } advice ? new MappedSide(File, advice) : new RegionSide(File, Limit);
}
