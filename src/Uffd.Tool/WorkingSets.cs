using Uffd.Paging;

namespace Uffd.Tool;

/// <summary>Opens working sets that were named on the command line.</summary>
internal static class WorkingSets
{
    /// <summary>Opens one that must be of an image.</summary>
    /// <param name="path">As it was given.</param>
    /// <param name="image">The image.</param>
    /// <exception cref="ToolException">It is missing, damaged, or of another image.</exception>
    public static WorkingSet Open(string path, IPageSource image) => Fit(path, Open(path, out _), image);

    /// <summary>The same set, of an image of known length.</summary>
    /// <param name="path">Where it is from.</param>
    /// <param name="set">The set.</param>
    /// <param name="image">The image.</param>
    /// <exception cref="ToolException">It is of another image.</exception>
    public static WorkingSet Fit(string path, WorkingSet set, IPageSource image)
        => set.FindMismatch(image.Length) is { } mismatch
            ? throw new ToolException(ExitCodes.BadInput, $"the working set {path} does not fit the image: {mismatch}")
            : new WorkingSet(set.Runs, set.PageSize, image.Length);

    /// <summary>Opens one.</summary>
    /// <param name="path">As it was given.</param>
    /// <param name="format">What it was.</param>
    /// <exception cref="ToolException">It is missing or damaged.</exception>
    public static WorkingSet Open(string path, out WorkingSetFormat format)
    {
        try
        {
            return WorkingSetFile.Read(path, out format);
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new ToolException(ExitCodes.BadInput, exception.Message, exception);
        }
    }
}
