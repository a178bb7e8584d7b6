using System.Globalization;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>The kernel's own core of the process: what ours is to be like.</summary>
public sealed class KernelCoreTests(ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Core_of_the_kernel_has_the_same_memory_and_threads()
    {
        Requires.Root();
        Requires.That(string.Equals(File.ReadAllText("/proc/sys/kernel/core_pattern").Trim(), "core", StringComparison.Ordinal), "this needs a kernel that writes cores into the folder (core_pattern)");
        using CoreTarget target = CoreTarget.Start(_folder);
        string path = _folder.File("ours");
        using (ElfCoreWriter writer = ElfCoreWriter.Create(path, new SnapshotFileOptions { Durable = false }))
        {
            LiveCore.Write(target.ProcessId, writer, _folder);
        }

        string theirPath = target.Crash(_folder.Path);
        using ElfCore ours = ElfCore.Open(path);
        using ElfCore theirs = ElfCore.Open(theirPath);

        var comparer = new CoreComparer(ours, theirs);
        IReadOnlyList<string> differences = comparer.Differences();
        output.WriteLine($"{comparer.Compared} pages compared, {new FileInfo(path).Length} bytes of ours, {new FileInfo(theirPath).Length} of the kernel's");

        Assert.Empty(differences);
        Assert.InRange(comparer.Compared, 300, long.MaxValue);
        Assert.Equal(ours.State.Threads.Select(thread => thread.ThreadId).Order(), theirs.State.Threads.Select(thread => thread.ThreadId).Order());
        Assert.Equal((ours.State.Name, ours.State.ProcessId, ours.State.Executable, ours.State.PageSize), (theirs.State.Name, theirs.State.ProcessId, theirs.State.Executable, theirs.State.PageSize));
        Assert.Equal(ours.State.Arguments, theirs.State.Arguments);
        Assert.Equal(ours.State.AuxiliaryVector.ToArray(), theirs.State.AuxiliaryVector.ToArray());
        Assert.Equal(6, BitConverter.ToInt32(theirs.State.Threads[0].SignalInformation.Span)); // SIGABRT
        foreach (ThreadState thread in ours.State.Threads)
        {
            ThreadState same = theirs.State.Threads.Single(other => other.ThreadId == thread.ThreadId);
            Assert.Equal((thread.General.Length, thread.FloatingPoint.Length, thread.Extended.IsEmpty), (same.General.Length, same.FloatingPoint.Length, same.Extended.IsEmpty));
            Assert.Equal(BitConverter.ToUInt64(thread.General.Span[(19 * 8)..]), BitConverter.ToUInt64(same.General.Span[(19 * 8)..])); // rsp
        }

        AssertSameMappings(ours, theirs);
    }

    /// <summary>The notes tell the same mappings of files, and the program headers the same addresses and permissions.</summary>
    private static void AssertSameMappings(ElfCore ours, ElfCore theirs) => Assert.Equal(Describe(theirs), Describe(ours));

    private static string Describe(ElfCore core)
        => string.Join('\n', core.State.Regions.Where(region => region.Mapping.Name.StartsWith('/')).Select(region => string.Create(CultureInfo.InvariantCulture, $"{region.Mapping.Range} {region.Mapping.Permissions} {region.Mapping.Offset:x} {region.Mapping.Name}")));
}
