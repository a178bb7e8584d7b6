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
    public static FilePageSource Open(string path)
    {
        try
        {
            return FilePageSource.Open(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ToolException(ExitCodes.BadInput, exception.Message, exception);
        }
        catch (NotSupportedException exception)
        {
            throw new ToolException(ExitCodes.BadInput, $"the image {path} is a pipe or a device, and pages are read in any order: use a regular file", exception);
        }
    }
}
