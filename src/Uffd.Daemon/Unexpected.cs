namespace Uffd.Daemon;

/// <summary>Says in one line what nobody has thought of: the daemon goes on, whatever one client does.</summary>
internal static class Unexpected
{
    public static string Describe(Exception exception) => $"unexpected {exception.GetType().Name}: {exception.Message.ReplaceLineEndings(" ")}";
}
