using System.Text;

namespace Uffd.Kernel.Tests.Model;

/// <summary>
/// The states of one page by what can be done to it, as the model has them: the table of docs/kernel-model.md. Each cell is a
/// sequence of operations too, which the tests run against the kernel.
/// </summary>
internal static class StateTable
{
    private const UffdRegisterModes Watched = UffdRegisterModes.Missing | UffdRegisterModes.WriteProtect;

    /// <summary>The operations, by what the table calls them.</summary>
    public static readonly (string Name, Operation Operation)[] Operations =
    [
        ("read", new Read(0)),
        ("write 9", new Write(0, 9)),
        ("Copy 7", new Copy(0, 1, 7, UffdCopyModes.None)),
        ("Copy 7, WriteProtect", new Copy(0, 1, 7, UffdCopyModes.WriteProtect)),
        ("ZeroPage", new ZeroPage(0, 1, UffdZeroPageModes.None)),
        ("Continue", new Continue(0, 1, UffdContinueModes.None)),
        ("Continue, WriteProtect", new Continue(0, 1, UffdContinueModes.WriteProtect)),
        ("Poison", new Poison(0, 1, UffdPoisonModes.None)),
        ("Move of a page 8", new Move(0, 1, 0, UffdMoveModes.None)),
        ("WriteProtect: Protect", new WriteProtect(0, 1, UffdWriteProtectModes.Protect)),
        ("WriteProtect: Unprotect", new WriteProtect(0, 1, UffdWriteProtectModes.Unprotect)),
        ("MADV_DONTNEED", new DontNeed(0, 1)),
        ("MADV_REMOVE", new Remove(0, 1)),
        ("Unregister", new Unregister(0, 1)),
    ];

    /// <summary>What the tables are about, by their headings.</summary>
    public static readonly (string Name, ModelSetup Setup)[] Tables =
    [
        ("Private anonymous memory, with WP_UNPOPULATED", new ModelSetup(MemoryKind.Anonymous, UffdFeatures.WriteProtectUnpopulated)),
        ("Shared memory (a memfd)", new ModelSetup(MemoryKind.Shmem, UffdFeatures.None)),
    ];

    private static readonly Operation Protect = new WriteProtect(0, 1, UffdWriteProtectModes.Protect);

    /// <summary>The states of a page of a memory, and how each is reached.</summary>
    public static IEnumerable<(string Name, Operation[] Steps)> States(ModelSetup setup)
    {
        bool cached = !setup.Memory.IsAnonymous();
        Operation register = new Register(0, 1, cached ? Watched | UffdRegisterModes.Minor : Watched);
        Operation source = new WriteSource(0, 8);
        Operation copy = new Copy(0, 1, 5, UffdCopyModes.None);
        yield return ("missing", [register, source]);
        if (cached)
        {
            yield return ("missing, in the page cache", [register, source, new WriteFile(0, 6)]);
        }

        yield return ("marker", [register, source, Protect]);
        if (cached)
        {
            yield return ("marker, in the page cache", [register, source, new WriteFile(0, 6), Protect]);
        }

        yield return ("poisoned", [register, source, new Poison(0, 1, UffdPoisonModes.None)]);
        yield return ("a page", [register, source, copy]);
        yield return ("a page, protected", [register, source, copy, Protect]);
        if (!cached)
        {
            Operation zero = new ZeroPage(0, 1, UffdZeroPageModes.None);
            yield return ("the zero page", [register, source, zero]);
            yield return ("the zero page, protected", [register, source, zero, Protect]);
        }
    }

    /// <summary>The tables as the page has them.</summary>
    public static string ToMarkdown()
    {
        var text = new StringBuilder();
        foreach ((string name, ModelSetup setup) in Tables)
        {
            (string Name, Operation[] Steps)[] states = [.. States(setup)];
            text.Append($"\n### {name}\n\n| | {string.Join(" | ", states.Select(state => $"**{state.Name}**"))} |\n");
            text.Append($"|---|{string.Concat(states.Select(_ => "---|"))}\n");
            foreach ((string operationName, Operation operation) in Operations)
            {
                text.Append($"| **{operationName}** | {string.Join(" | ", states.Select(state => Cell(setup, state.Steps, operation)))} |\n");
            }
        }

        return text.ToString();
    }

    /// <summary>What is answered, and the state after it.</summary>
    private static string Cell(ModelSetup setup, Operation[] steps, Operation operation)
    {
        var model = new RegionModel(setup);
        Report before = model.Apply(steps[0]);
        foreach (Operation step in steps[1..])
        {
            before = model.Apply(step);
        }

        Report after = model.Apply(operation);
        string answer = after.News.Count > 0 ? Describe(after.News[0]) : after.Answer.Errno == Errno.None ? "done" : after.Answer.Errno.ToString();
        string state = after.Pages[0] is { IsSwapped: true, IsWriteProtected: false } ? "poison" : after.Pages[0].ToString();
        return after.Pages[0] == before.Pages[0] ? answer : $"{answer}; {state}";
    }

    private static string Describe(TouchNews news) => news.End switch
    {
        TouchEnd.Done => news.IsWrite ? "done" : $"{news.Value}",
        TouchEnd.Refused => "SIGBUS",
        TouchEnd.WaitsMissing => "waits: Missing",
        TouchEnd.WaitsMinor => "waits: Minor",
        _ => "waits: WriteProtect",
    };
}
