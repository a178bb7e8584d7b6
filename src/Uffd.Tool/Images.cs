using Uffd.Paging;

namespace Uffd.Tool;

/// <summary>Opens images that were named on the command line.</summary>
internal static class Images
{
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
    }
}
