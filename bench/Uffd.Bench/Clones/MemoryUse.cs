using System.Globalization;

namespace Uffd.Bench;

/// <summary>
/// What processes and the image that they share take, in bytes, from the kernel's own books. Nothing is counted twice and nothing is
/// left out that is there because of them:
/// the image's memfd once, by the blocks it has, whoever maps them; of the clones' mappings of it only the pages that are theirs alone; of
/// all other mappings the proportional part (Pss). The image's file in the page cache is left out: the kernel takes it back at will, and it is
/// the same whatever is measured.
/// </summary>
/// <param name="Clones">Of the processes that have the image.</param>
/// <param name="Image">The memfd.</param>
/// <param name="Pager">Of the pager, without the memfd.</param>
/// <param name="PageTables">Of all of them; not part of the others.</param>
internal sealed record MemoryUse(long Clones, long Image, long Pager, long PageTables)
{
    private const string ImageName = "/memfd:uffd-image";

    /// <summary>What decides: without the pager's own memory, which is the same for one clone as for many and would flatter a ratio.</summary>
    public long Total => Clones + Image;

    public static MemoryUse Measure(int pager, IReadOnlyList<int> clones, string imageFile) => new(
        clones.Sum(clone => Own(clone, imageFile)),
        ImageBytes(pager),
        Own(pager, imageFile),
        clones.Append(pager).Sum(PageTablesOf));

    /// <summary>What a process has beside the shared image.</summary>
    private static long Own(int process, string imageFile)
    {
        long own = 0;
        var isImage = false;
        var isFile = false;
        foreach (var row in File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/smaps")))
        {
            if (!char.IsAsciiLetterUpper(row[0]))
            {
                isImage = row.Contains(ImageName, StringComparison.Ordinal);
                isFile = row.EndsWith(imageFile, StringComparison.Ordinal);
            }
            else if (row.StartsWith(isImage ? "Anonymous:" : "Pss:", StringComparison.Ordinal) && !isFile)
            {
                own += Kilobytes(row);
            }
        }

        return own;
    }

    /// <summary>The memfd's blocks, as the pager's own descriptor of it tells them: also those that nobody has mapped.</summary>
    private static long ImageBytes(int pager)
    {
        foreach (var link in Directory.EnumerateFiles(string.Create(CultureInfo.InvariantCulture, $"/proc/{pager}/fd")))
        {
            if (new FileInfo(link).LinkTarget?.StartsWith(ImageName, StringComparison.Ordinal) == true)
            {
                using var stat = Programs.Start(Programs.Command("stat", null, "-L", "-c", "%b %B", link), "stat is part of coreutils");
                var words = stat.StandardOutput.ReadToEnd().Split(' ');
                stat.WaitForExit();
                return long.Parse(words[0], CultureInfo.InvariantCulture) * long.Parse(words[1], CultureInfo.InvariantCulture);
            }
        }

        return 0;
    }

    private static long PageTablesOf(int process) => Kilobytes(
        File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/status")).First(row => row.StartsWith("VmPTE:", StringComparison.Ordinal)));

    private static long Kilobytes(string row)
        => long.Parse(row.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
}
