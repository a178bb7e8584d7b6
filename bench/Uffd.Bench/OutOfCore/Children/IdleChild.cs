using System.Text.Json.Nodes;

namespace Uffd.Bench;

/// <summary>A runtime that has done some work with threads and now rests: what it takes is what a runtime takes.</summary>
internal static class IdleChild
{
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(500);

    public static JsonObject Run()
    {
        var tasks = Enumerable.Range(0, 16).Select(_ => Task.Run(() => Thread.Sleep(10))).ToArray();
        Task.WaitAll(tasks);
        Thread.Sleep(Rest);
        return [];
    }
}
