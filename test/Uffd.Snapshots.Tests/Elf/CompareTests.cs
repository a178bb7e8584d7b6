using System.Globalization;
using Microsoft.Diagnostics.Runtime;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>Cores of the same stopped process by gcore and by this library hold the same memory.</summary>
public sealed class CompareTests(ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Core_of_gcore_has_the_same_memory_registers_and_notes()
    {
        Requires.Root();
        Requires.Program("gcore");
        using CoreTarget target = CoreTarget.Start(_folder);
        using ElfCore ours = WriteOurs(target.ProcessId);
        using ElfCore theirs = WriteGcore(target.ProcessId);

        var comparer = new CoreComparer(ours, theirs);
        IReadOnlyList<string> differences = comparer.Differences();
        output.WriteLine($"{comparer.Compared} pages compared");

        Assert.Empty(differences);
        Assert.InRange(comparer.Compared, 300, long.MaxValue);
        Assert.Equal(ours.State.Threads.Select(thread => thread.ThreadId).Order(), theirs.State.Threads.Select(thread => thread.ThreadId).Order());
        Assert.Equal(ours.State.AuxiliaryVector.ToArray(), theirs.State.AuxiliaryVector.ToArray());
        Assert.Equal(ours.State.Executable, theirs.State.Executable);
        Assert.Equal(CoreTarget.Program, theirs.State.Executable);
        AssertDifferenceIsFound(target, theirs);
    }

    /// <summary>What a debugger of managed code needs is in the private pages: gcore is what is recommended for it.</summary>
    [Fact]
    public void Every_page_that_gcore_keeps_of_a_dotnet_process_is_kept()
    {
        Requires.Root();
        Requires.Program("gcore");
        using var process = ManagedTarget.Start();
        using ElfCore ours = WriteOurs(process.Id);
        using ElfCore theirs = WriteGcore(process.Id);

        var comparer = new CoreComparer(ours, theirs);
        IReadOnlyList<string> differences = comparer.Differences();
        output.WriteLine($"{comparer.Compared} pages compared");

        Assert.Empty(differences);
        Assert.InRange(comparer.Compared, 2000, long.MaxValue);
        Assert.Contains(ours.State.Regions, region => region.Mapping.Name.EndsWith("libcoreclr.so", StringComparison.Ordinal));
    }

    /// <summary>The data access component of .NET, by which SOS and dotnet-dump look at dumps too, finds threads, frames, modules and all objects of the heap.</summary>
    [Fact]
    public void Debugger_of_managed_code_reads_the_core()
    {
        Requires.Root();
        using var process = ManagedTarget.Start();
        WriteOurs(process.Id, withFiles: true).Dispose();
        AssertDebuggerReads(_folder.File("ours"));
    }

    /// <summary>That library reads no files beside a core: with the usual filter it does not find the runtime, as in the kernel's core.</summary>
    [Fact]
    public void Debugger_of_managed_code_needs_the_mapped_files_in_the_core()
    {
        Requires.Root();
        using var process = ManagedTarget.Start();
        WriteOurs(process.Id).Dispose();
        Assert.ThrowsAny<ClrDiagnosticsException>(() => AssertDebuggerReads(_folder.File("ours")));
    }

    private void AssertDebuggerReads(string core)
    {
        using DataTarget dump = DataTarget.LoadDump(core);
        using ClrRuntime runtime = Assert.Single(dump.ClrVersions).CreateRuntime();
        string[] frames = [.. runtime.Threads.SelectMany(thread => thread.EnumerateStackTrace()).Select(frame => frame.Method?.Signature).OfType<string>()];
        ClrObject[] objects = [.. runtime.Heap.EnumerateObjects()];
        output.WriteLine($"{runtime.Threads.Length} threads, {frames.Length} frames, {objects.Length} objects");

        Assert.Contains(frames, frame => frame.Contains("Main", StringComparison.Ordinal));
        Assert.Contains(runtime.EnumerateModules(), module => module.Name?.EndsWith("Uffd.Snapshots.Tests.dll", StringComparison.Ordinal) == true);
        Assert.InRange(objects.Length, 500, int.MaxValue);
        Assert.InRange(objects.Count(one => one.IsValid), objects.Length * 0.99, objects.Length); // it may have been stopped while it allocated
        Assert.Contains(objects, one => one.Type?.IsString == true && one.AsString()?.Contains("-waitForDebugger", StringComparison.Ordinal) == true);
    }

    /// <summary>The control: a page that changes after the first core was taken is a difference.</summary>
    private void AssertDifferenceIsFound(CoreTarget target, ElfCore theirs)
    {
        using (var memory = File.OpenHandle($"/proc/{target.ProcessId}/mem", FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.Write(memory, [0x77, 0x78, 0x79], (long)target.Patterns["heap"].Start + 5000);
        }

        using ElfCore later = WriteOurs(target.ProcessId);
        Assert.Single(new CoreComparer(later, theirs).Differences());
    }

    private ElfCore WriteOurs(int processId, bool withFiles = false)
    {
        string path = _folder.File("ours");
        using (ElfCoreWriter writer = ElfCoreWriter.Create(path, new SnapshotFileOptions { Durable = false }))
        {
            LiveCore.Write(processId, writer, _folder, withFiles);
        }

        return ElfCore.Open(path);
    }

    private ElfCore WriteGcore(int processId)
    {
        CompilerResult made = NativeCompiler.Run("gcore", ["-o", _folder.File("gcore"), processId.ToString(CultureInfo.InvariantCulture)]);
        string path = _folder.File(string.Create(CultureInfo.InvariantCulture, $"gcore.{processId}"));
        Assert.True(File.Exists(path), made.Output);
        return ElfCore.Open(path);
    }
}
