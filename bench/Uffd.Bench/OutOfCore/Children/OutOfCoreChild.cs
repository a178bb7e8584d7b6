using System.Text.Json;

namespace Uffd.Bench;

/// <summary>
/// Our side, as a process of its own so that its memory can be limited. Prints one JSON object. Not for people: <c>outofcore</c> starts it.
/// </summary>
internal static class OutOfCoreChild
{
    public const string Verb = "outofcore-child";

    /// <returns>The exit status: 2 when it could not do its work, with a line that says why.</returns>
    public static int Run(ReadOnlySpan<string> arguments)
    {
        try
        {
            var options = ChildOptions.Parse(arguments);
            var said = options.Mode switch
            {
                OutOfCoreParts.Zipf => ZipfChild.Run(options),
                OutOfCoreParts.Scan => ScanChild.Run(options),
                OutOfCoreParts.Hit => HitChild.Run(options),
                OutOfCoreParts.Compressed => CompressedChild.Run(options),
                OutOfCoreParts.Moves => MovesChild.Run(options),
                ChildOptions.Idle => IdleChild.Run(),
                _ => throw new BenchException($"there is nothing named {options.Mode}"),
            };
            Console.WriteLine(said.ToJsonString(JsonSerializerOptions.Default));
            return 0;
        }
        catch (Exception e) when (e is BenchException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(e.Message);
            return 2;
        }
    }
}
