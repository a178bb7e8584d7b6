namespace Uffd.Paging;

/// <summary>
/// The end of a pager process that cannot go on. It says no goodbye, so that its guardian settles what is missing. In a test, which has no
/// process of its own, <see cref="Handler"/> takes its place.
/// </summary>
internal static class RawEngineFailure
{
    public static Action<string>? Handler { get; set; }

    public static void End(string text)
    {
        if (Handler is { } handler)
        {
            handler(text);
            return;
        }

        Console.Error.WriteLine($"uffd-pager: {text}");
        Environment.Exit(1);
    }
}
