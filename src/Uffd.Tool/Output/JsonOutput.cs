using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Uffd.Tool.Output;

/// <summary>
/// What <c>--json</c> prints: exactly one object, names in camelCase, an absent value as null. Each verb's object is a
/// record of its own (<c>Output/NAMEJson.cs</c>), listed here, so that renaming something in a library cannot silently
/// change what scripts read.
/// </summary>
[JsonSerializable(typeof(DoctorJson))]
[JsonSerializable(typeof(ServeJson))]
[JsonSerializable(typeof(DemoJson))]
internal sealed partial class JsonOutput : JsonSerializerContext
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,

        // The output is no HTML: a path with a quote or a plus sign should stay readable.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Prints the object and a line break.</summary>
    public static void Write<T>(TextWriter output, T value) => Write(output, value, Format);

    /// <summary>Prints the object on one line, for a verb that prints many.</summary>
    public static void WriteLine<T>(TextWriter output, T value) => Write(output, value, new JsonSerializerOptions(Format) { WriteIndented = false });

    private static void Write<T>(TextWriter output, T value, JsonSerializerOptions format)
    {
        var context = new JsonOutput(new JsonSerializerOptions(format));
        output.WriteLine(JsonSerializer.Serialize(value, (JsonTypeInfo<T>)context.GetTypeInfo(typeof(T))!));
    }
}
