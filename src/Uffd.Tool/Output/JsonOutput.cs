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
[JsonSerializable(typeof(StatusJson))]
[JsonSerializable(typeof(DemoJson))]
[JsonSerializable(typeof(OutOfCoreJson))]
[JsonSerializable(typeof(MigrateJson))]
[JsonSerializable(typeof(MigrateReceivedJson))]
[JsonSerializable(typeof(WorkingSetJson))]
[JsonSerializable(typeof(SnapshotJson))]
[JsonSerializable(typeof(InspectJson))]
[JsonSerializable(typeof(ConvertJson))]
[JsonSerializable(typeof(TrackJson))]
internal sealed partial class JsonOutput : JsonSerializerContext
{
    private static readonly JsonOutput Indented = new(Formatted(indented: true));
    private static readonly JsonOutput Compact = new(Formatted(indented: false));

    /// <summary>Prints the object and a line break.</summary>
    public static void Write<T>(TextWriter output, T value) => output.WriteLine(Serialize(Indented, value));

    /// <summary>The object on one line, for a verb that prints many.</summary>
    public static string ToLine<T>(T value) => Serialize(Compact, value);

    private static string Serialize<T>(JsonOutput context, T value)
        => JsonSerializer.Serialize(value, (JsonTypeInfo<T>)context.GetTypeInfo(typeof(T))!);

    private static JsonSerializerOptions Formatted(bool indented) => new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = indented,

        // The output is no HTML: a path with a quote or a plus sign should stay readable.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}
