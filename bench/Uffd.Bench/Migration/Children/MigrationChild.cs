using System.Globalization;
using System.Text.Json.Nodes;

namespace Uffd.Bench;

/// <summary>
/// One side of the migrations, as a process of its own: reads a command a line, and answers each with a JSON object on a line. Not for people: <c>migration</c> starts it.
/// </summary>
internal static class MigrationChild
{
    public const string Verb = "migration-child";

    /// <returns>The exit status: 2 when it could not do its work, with a line that says why.</returns>
    public static async Task<int> RunAsync(string[] arguments)
    {
        try
        {
            if (arguments is not [var side, var library, var megabytes])
            {
                throw new BenchException("usage: migration-child source|destination LIBRARY MIB");
            }

            var work = new NativeWork(library);
            var bytes = ulong.Parse(megabytes, CultureInfo.InvariantCulture) << 20;
            if (side is "source")
            {
                using var source = new SourceChild(work, bytes);
                await AnswerAsync(source.AnswerAsync);
            }
            else
            {
                using var destination = new DestinationChild(work, bytes);
                await AnswerAsync(destination.AnswerAsync);
            }

            return 0;
        }
        catch (Exception e) when (e is BenchException or IOException or InvalidOperationException or System.Net.Sockets.SocketException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 2;
        }
    }

    private static async Task AnswerAsync(Func<string[], Task<JsonObject>> answer)
    {
        // The end of the input is the end of who started this.
        while (Console.In.ReadLine() is { } line)
        {
            var said = await answer(line.Split(' '));
            Console.WriteLine(said.ToJsonString());
        }
    }
}
