namespace Uffd.Snapshots.Tests.Elf;

/// <summary>What is done to a sink.</summary>
internal enum CoreStepKind
{
    Write,
    WriteZeros,
    Discard,
    Expect,
}

/// <summary>A step: what is done, to which pages of the model's, with which value.</summary>
internal sealed record CoreStep(CoreStepKind Kind, int First, int Count, byte Value);

/// <summary>A region of a history's end.</summary>
internal sealed record CoreEnd(int First, int Count, RegionContent Content);

/// <summary>Steps and the regions that are left in the end, in order.</summary>
internal sealed record CoreHistory(CoreStep[] Steps, CoreEnd[] Ends);

/// <summary>A sink is an array of pages of which each is a value, or was never given.</summary>
internal static class CoreModel
{
    public const int PageCount = 96;
    private const int Near = 32; // of them lie together, the others far away
    private const ulong Base = 0x7f00_0000_0000;

    public static ulong AddressOf(int page) => Base + ((ulong)page * Regions.Page) + (page < Near ? 0 : 3UL << 30);

    /// <summary>Whether a core that went through a history is read back as the model has it.</summary>
    /// <param name="history">The history.</param>
    /// <param name="forgets">For the control: the model is wrong about discarded pages.</param>
    public static bool Agrees(CoreHistory history, bool forgets)
    {
        using var folder = new TemporaryFolder();
        byte?[] pages = new byte?[PageCount];
        string path = folder.File("core");
        using (ElfCoreWriter writer = Regions.Writer(path))
        {
            foreach (CoreStep step in history.Steps)
            {
                Apply(step, writer, pages, forgets);
            }

            writer.Complete(Regions.State([.. history.Ends.Select(end => Regions.Of(
                AddressOf(end.First), (ulong)end.Count, end.Content, end.Content == RegionContent.Changed ? "/a/file" : ""))]));
        }

        using ElfCore core = ElfCore.Open(path);
        return Enumerable.Range(0, PageCount).All(page => IsRight(core, page, pages[page], history.Ends.FirstOrDefault(end => page >= end.First && page < end.First + end.Count)));
    }

    private static void Apply(CoreStep step, ElfCoreWriter writer, byte?[] pages, bool forgets)
    {
        var range = new AddressRange(AddressOf(step.First), (ulong)step.Count * Regions.Page);
        switch (step.Kind)
        {
            case CoreStepKind.Write or CoreStepKind.WriteZeros:
                byte[] values = [.. Enumerable.Range(0, step.Count).Select(index => step.Kind == CoreStepKind.WriteZeros && index % 2 == 0 ? (byte)0 : step.Value)];
                writer.Write(range.Start, Regions.Pages(values));
                for (int index = 0; index < step.Count; index++)
                {
                    pages[step.First + index] = values[index];
                }

                break;
            case CoreStepKind.Discard:
                writer.Discard(range);
                if (!forgets)
                {
                    pages.AsSpan(step.First, step.Count).Clear();
                }

                break;
            default:
                writer.Expect(range);
                break;
        }
    }

    private static bool IsRight(ElfCore core, int page, byte? known, CoreEnd? end)
    {
        SnapshotPageKind kind = core.GetRuns(new AddressRange(AddressOf(page), Regions.Page)).Single().Kind;
        SnapshotPageKind expected = end?.Content switch
        {
            RegionContent.Whole => known is null or 0 ? SnapshotPageKind.Zero : SnapshotPageKind.Stored,
            RegionContent.Changed => known is null ? SnapshotPageKind.File : known == 0 ? SnapshotPageKind.Zero : SnapshotPageKind.Stored,
            _ => SnapshotPageKind.Absent,
        };
        byte[] bytes = new byte[Regions.Page];
        try
        {
            core.Read(AddressOf(page), bytes);
            return kind == expected && kind is SnapshotPageKind.Zero or SnapshotPageKind.Stored && !bytes.AsSpan().ContainsAnyExcept(known ?? 0);
        }
        catch (EndOfStreamException)
        {
            return kind == expected && kind is SnapshotPageKind.File or SnapshotPageKind.Absent;
        }
    }
}
