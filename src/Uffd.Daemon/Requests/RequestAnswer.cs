using System.Buffers;
using System.Text.Json;

namespace Uffd.Daemon;

/// <summary>The answer to one request: a line of JSON and, where the request is for one, descriptors beside its first byte.</summary>
/// <param name="Line">A JSON object that ends with a line break.</param>
/// <param name="Descriptors">Stay owned by whoever answers, and open until the client has its own copies; at most <see cref="FdChannel.MaxDescriptors"/>.</param>
internal sealed record RequestAnswer(ReadOnlyMemory<byte> Line, params IReadOnlyList<SafeDescriptorHandle> Descriptors)
{
    /// <summary>A request that is understood and cannot be answered, or that is not known: the connection may ask again.</summary>
    /// <param name="reason">One line.</param>
    public static RequestAnswer Error(string reason) => Write(writer => writer.WriteString("error"u8, reason));

    /// <summary>Writes an object into a line.</summary>
    /// <param name="properties">Writes what stands between its braces.</param>
    /// <param name="descriptors">What goes with it.</param>
    public static RequestAnswer Write(Action<Utf8JsonWriter> properties, params IReadOnlyList<SafeDescriptorHandle> descriptors)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            properties(writer);
            writer.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return new RequestAnswer(buffer.WrittenMemory, descriptors);
    }
}
