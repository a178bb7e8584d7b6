using System.Runtime.InteropServices;

namespace Uffd.Bench;

/// <summary>The functions of <c>baselines/migration.c</c>: all that touches memory which is moved.</summary>
internal sealed unsafe class NativeWork(string libraryPath)
{
    private readonly nint library = NativeLibrary.Load(libraryPath);

    /// <summary>Nanoseconds of a clock that all processes share.</summary>
    public ulong Now() => ((delegate* unmanaged<ulong>)At("migration_now"))();

    public void Fill(ulong address, ulong pages, ulong seed) => ((delegate* unmanaged<ulong, ulong, ulong, void>)At("migration_fill"))(address, pages, seed);

    public ulong Sum(ulong address, ulong pages) => ((delegate* unmanaged<ulong, ulong, ulong>)At("migration_sum"))(address, pages);

    public void StartWriter(ulong address, ulong pages, ulong pagesPerSecond)
    {
        if (((delegate* unmanaged<ulong, ulong, ulong, int>)At("migration_writer_start"))(address, pages, pagesPerSecond) != 0)
        {
            throw new BenchException("no thread could be started");
        }
    }

    public void PauseWriter() => ((delegate* unmanaged<void>)At("migration_writer_pause"))();

    public void ResumeWriter() => ((delegate* unmanaged<void>)At("migration_writer_resume"))();

    public ulong EndWriter() => ((delegate* unmanaged<ulong>)At("migration_writer_end"))();

    /// <summary>Touches pages in random order.</summary>
    /// <param name="address">The memory.</param>
    /// <param name="pages">How many it has.</param>
    /// <param name="count">How many to touch; 0 for all.</param>
    /// <param name="seed">Which order.</param>
    /// <returns>The nanoseconds of the touches that had to wait.</returns>
    public ulong[] Touch(ulong address, ulong pages, ulong count, ulong seed)
    {
        var room = count == 0 ? pages : count;
        var samples = (ulong*)NativeMemory.Alloc((nuint)room, sizeof(ulong)); // read below, before it is freed; the library writes no more than room
        try
        {
            var waited = ((delegate* unmanaged<ulong, ulong, ulong, ulong, ulong*, ulong>)At("migration_touch"))(address, pages, count, seed, samples);
            return new ReadOnlySpan<ulong>(samples, (int)waited).ToArray();
        }
        finally
        {
            NativeMemory.Free(samples);
        }
    }

    private void* At(string name) => (void*)NativeLibrary.GetExport(library, name);
}
