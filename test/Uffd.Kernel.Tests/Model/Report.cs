using System.Globalization;

namespace Uffd.Kernel.Tests.Model;

/// <summary>What an operation answered.</summary>
/// <param name="Value">Bytes done, as in <see cref="UffdResult"/>; of <see cref="Register"/>, the operations that the range offers.</param>
/// <param name="Errno">Why it stopped.</param>
internal readonly record struct Answer(ulong Value, Errno Errno)
{
    public static Answer Done => default;

    /// <summary>The thread that touches this page waits already; nothing was tried.</summary>
    public static readonly Answer Occupied = new(0, (Errno)(-1));

    public override string ToString()
        => this == Occupied ? "not tried: a thread waits there already"
            : Errno == Errno.None ? string.Create(CultureInfo.InvariantCulture, $"0x{Value:x}")
            : string.Create(CultureInfo.InvariantCulture, $"{Errno} after 0x{Value:x}");
}

/// <summary>What became of a thread that touched a page.</summary>
internal enum TouchEnd
{
    /// <summary>It went on.</summary>
    Done,

    /// <summary>It got SIGBUS; where the kernel touched on its behalf, EFAULT.</summary>
    Refused,

    /// <summary>It waits, and a missing fault was announced.</summary>
    WaitsMissing,

    /// <summary>It waits, and a write-protect fault was announced.</summary>
    WaitsWriteProtect,

    /// <summary>It waits, and a minor fault was announced.</summary>
    WaitsMinor,
}

/// <summary>News of one thread.</summary>
/// <param name="Page">The page that it touches.</param>
/// <param name="IsWrite">How.</param>
/// <param name="End">What became of it.</param>
/// <param name="Value">What it read, if it did.</param>
internal readonly record struct TouchNews(int Page, bool IsWrite, TouchEnd End, byte Value)
{
    public override string ToString()
        => string.Create(CultureInfo.InvariantCulture, $"{(IsWrite ? "write" : "read")} of page {Page}: {End}{(End == TouchEnd.Done && !IsWrite ? $" {Value}" : "")}");
}

/// <summary>All that can be seen of a page from outside.</summary>
/// <param name="IsPresent">Bit 63 of pagemap.</param>
/// <param name="IsSwapped">Bit 62: the page table holds something that is no page. Without swap: a marker.</param>
/// <param name="IsWriteProtected">Bit 57.</param>
/// <param name="IsZeroPage">PAGE_IS_PFNZERO: the one page of zeros that all share.</param>
/// <param name="Content">The value that every byte of it has; null where no page is mapped.</param>
/// <param name="Cached">The same of the page in the page cache; null where it has none.</param>
internal readonly record struct PageView(bool IsPresent, bool IsSwapped, bool IsWriteProtected, bool IsZeroPage, byte? Content, byte? Cached)
{
    public override string ToString()
    {
        string entry = IsPresent ? IsZeroPage ? "the zero page" : "a page" : IsSwapped ? "a marker" : "nothing";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{entry}{(IsWriteProtected ? ", protected" : "")}{(Content is { } value ? $", reads {value}" : "")}{(Cached is { } cached ? $", cached {cached}" : "")}");
    }
}

/// <summary>All that can be seen after an operation. The model and the kernel must give the same.</summary>
/// <param name="Answer">What the call answered.</param>
/// <param name="News">What it did to threads, by page.</param>
/// <param name="Pages">The region.</param>
/// <param name="Sources">The other area.</param>
internal sealed record Report(Answer Answer, IReadOnlyList<TouchNews> News, IReadOnlyList<PageView> Pages, IReadOnlyList<PageView> Sources)
{
    public bool Equals(Report? other)
        => other is not null && Answer == other.Answer && News.SequenceEqual(other.News) && Pages.SequenceEqual(other.Pages) && Sources.SequenceEqual(other.Sources);

    public override int GetHashCode() => HashCode.Combine(Answer, News.Count);

    /// <summary>What the kernel did otherwise, a line each.</summary>
    public static IEnumerable<string> Differences(Report model, Report kernel)
    {
        if (model.Answer != kernel.Answer)
        {
            yield return $"answer: model {model.Answer}, kernel {kernel.Answer}";
        }

        foreach (TouchNews news in model.News.Except(kernel.News))
        {
            yield return $"only in the model: {news}";
        }

        foreach (TouchNews news in kernel.News.Except(model.News))
        {
            yield return $"only in the kernel: {news}";
        }

        for (int page = 0; page < model.Pages.Count; page++)
        {
            if (model.Pages[page] != kernel.Pages[page])
            {
                yield return $"page {page}: model has {model.Pages[page]}; kernel has {kernel.Pages[page]}";
            }

            if (model.Sources[page] != kernel.Sources[page])
            {
                yield return $"source page {page}: model has {model.Sources[page]}; kernel has {kernel.Sources[page]}";
            }
        }
    }
}
