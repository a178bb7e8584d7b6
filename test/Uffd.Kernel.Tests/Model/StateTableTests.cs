using System.Globalization;

namespace Uffd.Kernel.Tests.Model;

/// <summary>docs/kernel-model.md says what the model says, and the kernel does it.</summary>
public sealed class StateTableTests
{
    private const string Begin = "<!-- begin of what the model writes -->\n";
    private const string End = "\n<!-- end of what the model writes -->";

    public static TheoryData<MemoryKind, UffdFeatures> Tables()
    {
        var tables = new TheoryData<MemoryKind, UffdFeatures>();
        foreach ((_, ModelSetup setup) in StateTable.Tables)
        {
            tables.Add(setup.Memory, setup.Features);
        }

        return tables;
    }

    /// <summary>Every cell of the tables, against the kernel.</summary>
    [Theory]
    [MemberData(nameof(Tables))]
    public void Kernel_does_what_each_cell_says(MemoryKind memory, UffdFeatures features)
    {
        var setup = new ModelSetup(memory, features);
        using IDisposable? hugePages = ModelNeeds.Require(setup);
        using var run = new ModelRun(setup);
        foreach ((_, Operation[] steps) in StateTable.States(setup))
        {
            foreach ((_, Operation operation) in StateTable.Operations)
            {
                Disagreement? disagreement = run.Compare([.. steps, operation]);
                Assert.True(disagreement is null, disagreement?.ToString());
            }
        }
    }

    /// <summary>UFFD_MODEL_WRITE=1 writes the tables into the page instead of comparing them.</summary>
    [Fact]
    public void Page_has_the_tables_of_the_model()
    {
        bool write = Environment.GetEnvironmentVariable("UFFD_MODEL_WRITE") is "1";
        string file = write ? Path.Combine(Root(), "docs", "kernel-model.md") : Path.Combine(AppContext.BaseDirectory, "kernel-model.md");
        string page = File.ReadAllText(file);
        int begin = page.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        int end = page.IndexOf(End, StringComparison.Ordinal);
        Assert.True(begin >= Begin.Length && end >= begin, string.Create(CultureInfo.InvariantCulture, $"{file} has lost its marks"));
        string tables = StateTable.ToMarkdown();
        if (write)
        {
            File.WriteAllText(file, page[..begin] + tables + page[end..]);
            return;
        }

        Assert.Equal(tables, page[begin..end]);
    }

    private static string Root()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Uffd.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new DirectoryNotFoundException("the tests do not lie below the project's folder, where the page is");
    }
}
