using System.Text.Json.Nodes;

namespace Uffd.Bench;

/// <summary>Latencies as the children tell them, in microseconds.</summary>
internal static class Latencies
{
    public static JsonObject Of(ulong[] nanoseconds)
    {
        Array.Sort(nanoseconds);
        return new JsonObject
        {
            ["count"] = nanoseconds.Length,
            ["p50"] = At(0.5),
            ["p90"] = At(0.9),
            ["p99"] = At(0.99),
        };

        double At(double share) => nanoseconds.Length == 0 ? 0 : nanoseconds[Math.Min((int)(nanoseconds.Length * share), nanoseconds.Length - 1)] / 1e3;
    }
}
