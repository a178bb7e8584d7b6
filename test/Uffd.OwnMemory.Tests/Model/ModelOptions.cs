using System.Globalization;

namespace Uffd.Paging.OwnMemory.Tests.Model;

/// <summary>How a run of the model is: all of it follows from these, but for the moments at which threads meet.</summary>
internal sealed record ModelOptions
{
    public int Seed { get; init; } = 1;

    public int Threads { get; init; } = 4;

    /// <summary>Operations of each thread.</summary>
    public int Operations { get; init; } = 10_000;

    public int Pages { get; init; } = 1000;

    public int LimitPages { get; init; } = 64;

    /// <summary>Bytes that belong to a thread before those of the next begin: small, so that each page is of several; large, so that pages are written whole.</summary>
    public int PieceBytes { get; init; } = 64;

    /// <summary>Whether the limit is changed now and then.</summary>
    public bool ChangesLimit { get; init; } = true;

    public int ReadAheadPages { get; init; }

    public int Concurrency { get; init; }

    public bool IsDirect { get; init; }

    /// <summary>One in so many calls of the store fails; 0 for none.</summary>
    public int FailureEvery { get; init; }

    /// <summary>One in so many calls of the store takes up to a millisecond; 0 for none.</summary>
    public int DelayEvery { get; init; }

    /// <summary>The seed to use: UFFD_MODEL_SEED, a number or "random", or the usual one.</summary>
    public static int SeedOr(int usual) => Environment.GetEnvironmentVariable("UFFD_MODEL_SEED") switch
    {
        "random" => Random.Shared.Next(),
        { Length: > 0 } given => int.Parse(given, CultureInfo.InvariantCulture),
        _ => usual,
    };
}
