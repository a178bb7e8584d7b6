using System.Globalization;
using Uffd.Testing;

namespace Uffd.Kernel.Stress;

/// <summary>What to run, and for how long.</summary>
public sealed record StressOptions
{
    /// <summary>How to call the program.</summary>
    public const string Usage = """
        usage: Uffd.Kernel.Stress [options]

          --seconds N     how long all of it runs (60)
          --memory KIND   Anonymous, Shmem, ShmemPrivate, Hugetlb or HugetlbPrivate (all five, one after the other)
          --threads N     threads that lock pages (4)
          --seed N        where the random order begins (1)

        Exit status: 0 all pages were right, 1 some were not, 2 it could not be run.
        """;

    /// <summary>How long all of it runs.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The kinds of memory, each for its share of the time.</summary>
    public IReadOnlyList<MemoryKind> Memories { get; init; } = Enum.GetValues<MemoryKind>();

    /// <summary>How many threads lock pages.</summary>
    public int Threads { get; init; } = 4;

    /// <summary>Where the random order begins.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Reads the command line.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <exception cref="FormatException">An argument is not known or is no number.</exception>
    public static StressOptions Parse(ReadOnlySpan<string> arguments)
    {
        var options = new StressOptions();
        for (int index = 0; index < arguments.Length; index += 2)
        {
            string value = index + 1 < arguments.Length ? arguments[index + 1] : throw new FormatException($"{arguments[index]} needs a value");
            options = arguments[index] switch
            {
                "--seconds" => options with { Duration = TimeSpan.FromSeconds(Number(value)) },
                "--memory" => options with { Memories = [Kind(value)] },
                "--threads" => options with { Threads = Number(value) },
                "--seed" => options with { Seed = Number(value) },
                string other => throw new FormatException($"unknown option {other}"),
            };
        }

        return options;
    }

    private static int Number(string text)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
            ? number
            : throw new FormatException($"{text} is no number above zero");

    private static MemoryKind Kind(string text)
        => Enum.TryParse(text, ignoreCase: true, out MemoryKind kind) && Enum.IsDefined(kind)
            ? kind
            : throw new FormatException($"{text} is no kind of memory: {string.Join(", ", Enum.GetNames<MemoryKind>())}");
}
