using System.Globalization;
using System.Net;
using Uffd.Migration;

namespace Uffd.Samples.KeyValue;

/// <summary>What was typed.</summary>
internal sealed record ServerOptions(IPEndPoint Listen, ulong Size, MigrationAddress? Receive)
{
    public const string Usage = "KeyValue [--port [ADDRESS:]PORT] [--size SIZE] [--receive HOST:PORT]";

    /// <exception cref="FormatException">It makes no sense: the message says why.</exception>
    public static ServerOptions Parse(string[] args)
    {
        var options = new ServerOptions(new IPEndPoint(IPAddress.Loopback, 6400), 64 << 20, null);
        for (int index = 0; index < args.Length; index += 2)
        {
            string value = index + 1 < args.Length ? args[index + 1] : throw new FormatException($"{args[index]} wants a value: {Usage}");
            options = args[index] switch
            {
                "--port" => options with { Listen = ParseListen(value) },
                "--size" => options with { Size = ParseSize(value) },
                "--receive" => options with { Receive = MigrationAddress.TryParse(value, out MigrationAddress? address) ? address : throw new FormatException("--receive wants HOST:PORT") },
                _ => throw new FormatException($"{args[index]} is not known: {Usage}"),
            };
        }

        return options;
    }

    /// <summary>A port alone is one that only this host reaches: who can connect can move the store away.</summary>
    private static IPEndPoint ParseListen(string text)
        => ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) ? new IPEndPoint(IPAddress.Loopback, port)
            : IPEndPoint.TryParse(text, out IPEndPoint? address) && address.Port > 0 ? address
            : throw new FormatException("--port wants a port, or an address to listen at: 0.0.0.0:6400");

    private static ulong ParseSize(string text)
    {
        int shift = text.EndsWith("GiB", StringComparison.Ordinal) ? 30 : text.EndsWith("MiB", StringComparison.Ordinal) ? 20 : 0;
        string digits = shift == 0 ? text : text[..^3];
        return ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) && number > 0 && number <= (1UL << 40) >> shift && number << shift >= 1 << 20
            ? (number << shift) & ~0xfffUL
            : throw new FormatException("--size wants 1MiB to 1024GiB");
    }
}
