using System.Globalization;

namespace Uffd.Migration.Stress;

/// <summary>What to run, and for how long.</summary>
public sealed record StressOptions
{
    /// <summary>How to call the program.</summary>
    public const string Usage = """
        usage: Uffd.Migration.Stress [options]

          --seeds N      how many migrations (1000)
          --from N       the first one's number (1); --from N --seeds 1 repeats number N
          --seconds N    the longest that all of it may take; what is not begun by then is left out (no limit)
          --at-once N    how many run side by side (8)
          --fuzz         instead of migrations, conversations that are changed at random and said to one side
          --verbose      tells of each migration what it was and how it ended

        Exit status: 0 all were right, 1 some were not, 2 it could not be run.
        """;

    /// <summary>How many migrations.</summary>
    public int Seeds { get; init; } = 1000;

    /// <summary>The first one's number.</summary>
    public int From { get; init; } = 1;

    /// <summary>The longest that all of it may take.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.MaxValue;

    /// <summary>How many run side by side: they wait most of the time.</summary>
    public int AtOnce { get; init; } = 8;

    /// <summary>Whether each migration is told of.</summary>
    public bool IsVerbose { get; init; }

    /// <summary>Whether it is conversations that are changed.</summary>
    public bool IsFuzz { get; init; }

    /// <summary>Reads the command line.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <exception cref="FormatException">An argument is not known or is no number.</exception>
    public static StressOptions Parse(ReadOnlySpan<string> arguments)
    {
        var options = new StressOptions();
        for (int index = 0; index < arguments.Length; index++)
        {
            if (arguments[index] is "--verbose" or "--fuzz")
            {
                options = arguments[index] is "--fuzz" ? options with { IsFuzz = true } : options with { IsVerbose = true };
                continue;
            }

            string name = arguments[index];
            int value = Number(++index < arguments.Length ? arguments[index] : throw new FormatException($"{name} needs a value"));
            options = name switch
            {
                "--seeds" => options with { Seeds = value },
                "--from" => options with { From = value },
                "--seconds" => options with { Duration = TimeSpan.FromSeconds(value) },
                "--at-once" => options with { AtOnce = value },
                _ => throw new FormatException($"unknown option {name}"),
            };
        }

        return options;
    }

    private static int Number(string text)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
            ? number
            : throw new FormatException($"{text} is no number above zero");
}
