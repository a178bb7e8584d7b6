using System.CommandLine.Parsing;
using Uffd.Paging;

namespace Uffd.Tool;

/// <summary>Opens images that were named on the command line.</summary>
internal static class Images
{
    /// <summary>A path that is empty, as an unset variable of a script gives, is a wrong argument.</summary>
    public static void RequireName(OptionResult result)
    {
        if (result.Tokens.Any(token => token.Value.Length == 0))
        {
            result.AddError($"{result.Option.Name} wants a path");
        }
    }

    /// <summary>Opens one.</summary>
    /// <param name="path">As it was given.</param>
    /// <exception cref="ToolException">It is missing, a folder, empty or unreadable.</exception>
    public static FilePageSource Open(string path) => Open(() => FilePageSource.Open(path));

    /// <summary>Opens one, and sparse files over it.</summary>
    /// <param name="path">The image, as it was given.</param>
    /// <param name="diffPaths">The sparse files, the newest last; may be none.</param>
    /// <exception cref="ToolException">One is missing, a folder, empty or unreadable, or not as long as the image.</exception>
    public static IPageSource OpenLayers(string path, IReadOnlyList<string> diffPaths)
        => diffPaths.Count == 0 ? Open(path) : Open(() => LayeredPageSource.OpenFiles(path, diffPaths));

    private static T Open<T>(Func<T> open)
    {
        try
        {
            return open();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new ToolException(ExitCodes.BadInput, exception.Message, exception);
        }
    }
}
