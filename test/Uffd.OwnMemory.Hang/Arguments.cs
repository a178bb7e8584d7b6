using System.Globalization;

namespace Uffd.OwnMemory.Hang;

/// <summary>What the program was asked to do.</summary>
internal sealed record Arguments
{
    public const string Usage = """
        usage: Uffd.OwnMemory.Hang VERB [OPTION...]

            paths [--path NAME] [--seconds N] [--seed N]   every way into paged memory, or one, under collections without pause
            list                                           what they are called
            control pointer|call [--seconds N]             touches of bare memory, served by a managed thread of this process:
                                                           by pointer they hang on a collection, by a call they do not
            control bytes [--seconds N]                    a path over a store that has a wrong byte
            pauses memory|pointer [--seconds N]            how long collections take while pages come after 200 ms; by pointer
                   [--handler LIBRARY]                     they are brought by a native thread of this library

        exit status: 0 all right, 1 wrong bytes or a failure, 2 usage, 3 inconclusive (nothing was missed or collected),
        4 a thread or task does not end. A hung runtime does not end at all: give it a time limit.
        """;

    public required string Verb { get; init; }

    /// <summary>What of it.</summary>
    public string What { get; private init; } = "";

    /// <summary>For all paths together.</summary>
    public TimeSpan Time { get; private init; } = TimeSpan.FromSeconds(6);

    public int Seed { get; private init; }

    public string? Handler { get; private init; }

    /// <exception cref="FormatException">They cannot be understood.</exception>
    public static Arguments Parse(string[] words)
    {
        var arguments = new Arguments { Verb = words is [string verb, ..] ? verb : throw new FormatException("a verb is missing") };
        for (int index = 1; index < words.Length; index++)
        {
            string word = words[index];
            if (!word.StartsWith("--", StringComparison.Ordinal))
            {
                arguments = arguments with { What = word };
                continue;
            }

            string value = ++index < words.Length ? words[index] : throw new FormatException($"{word} needs a value");
            arguments = word switch
            {
                "--path" => arguments with { What = value },
                "--seconds" => arguments with { Time = TimeSpan.FromSeconds(double.Parse(value, CultureInfo.InvariantCulture)) },
                "--seed" => arguments with { Seed = int.Parse(value, CultureInfo.InvariantCulture) },
                "--handler" => arguments with { Handler = value },
                _ => throw new FormatException($"{word} is unknown"),
            };
        }

        return arguments;
    }
}
