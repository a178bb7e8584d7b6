using System.Globalization;

namespace Uffd.Testing;

/// <summary>
/// How long tests wait for what must come. A slow machine, such as an emulated one, is given more by the environment:
/// UFFD_TIMEOUT_SCALE=10 makes every such wait ten times as long. Nothing that passes takes longer for it.
/// </summary>
public static class TestTime
{
    private static readonly double Scale =
        double.TryParse(Environment.GetEnvironmentVariable("UFFD_TIMEOUT_SCALE"), NumberStyles.Float, CultureInfo.InvariantCulture, out double scale) && scale is >= 1 and <= 1000
            ? scale
            : 1;

    /// <summary>A time on this machine.</summary>
    /// <param name="usual">What is enough elsewhere, and far more than it takes.</param>
    public static TimeSpan Scaled(TimeSpan usual) => usual * Scale;
}
