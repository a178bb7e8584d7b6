using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Uffd.Paging;

namespace Uffd.PagerProcess.Client;

/// <summary>Makes a <see cref="TestStore"/>. The argument is the file and, after semicolons, options.</summary>
public sealed class TestStoreFactory : IPageStoreFactory
{
    /// <inheritdoc/>
    public IPageStore Create(string argument)
    {
        ArgumentNullException.ThrowIfNull(argument);
        string[] parts = argument.Split(';');
        var options = parts.Skip(1).Select(part => part.Split('=')).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
        return new TestStore(parts[0], Number(options, "concurrency"), Number(options, "delay"), Number(options, "forget"));
    }

    private static int Number(Dictionary<string, string> options, string name)
        => options.TryGetValue(name, out string? text) ? int.Parse(text, CultureInfo.InvariantCulture) : 0;
}

/// <summary>Makes something that is no store, for the tests of what is said then.</summary>
public sealed class NoFactory;

/// <summary>
/// A file that fails on command: while there is a file <c>PATH.failwrites</c> no write works, nor a read while there is a <c>PATH.failreads</c>;
/// the page whose offset a file <c>PATH.lost</c> names is lost. Each flush adds a line to <c>PATH.flushes</c>. It can be made to forget every
/// so many writes: a control for the tests that look for what is lost.
/// </summary>
public sealed class TestStore(string path, int concurrency, int delayMilliseconds, int forget) : IPageStore
{
    private int _writes;
    private readonly SafeFileHandle _file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);

    /// <inheritdoc/>
    public ulong Length { get; } = (ulong)new FileInfo(path).Length;

    /// <inheritdoc/>
    public int Concurrency => concurrency;

    /// <inheritdoc/>
    public SourceRun GetRun(ulong offset, ulong length)
    {
        if (!File.Exists($"{path}.lost"))
        {
            return new SourceRun(length, SourceRunKind.Data);
        }

        ulong lost = ulong.Parse(File.ReadAllText($"{path}.lost"), CultureInfo.InvariantCulture);
        return offset >= lost && offset < lost + 4096 ? new SourceRun(Math.Min(length, lost + 4096 - offset), SourceRunKind.Poisoned)
            : offset < lost ? new SourceRun(Math.Min(length, lost - offset), SourceRunKind.Data)
            : new SourceRun(length, SourceRunKind.Data);
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> destination)
    {
        Pause();
        if (File.Exists($"{path}.failreads"))
        {
            throw new IOException("reads fail on command");
        }

        int available = (int)Math.Min((ulong)destination.Length, Length - offset);
        if (RandomAccess.Read(_file, destination[..available], (long)offset) != available)
        {
            throw new IOException("the file was cut short");
        }

        destination[available..].Clear();
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        Pause();
        if (File.Exists($"{path}.failwrites"))
        {
            throw new IOException("writes fail on command");
        }

        if (forget > 0 && Interlocked.Increment(ref _writes) % forget == 0)
        {
            return;
        }

        RandomAccess.Write(_file, source[..(int)Math.Min((ulong)source.Length, Length - offset)], (long)offset);
    }

    /// <inheritdoc/>
    public void Flush() => File.AppendAllText($"{path}.flushes", "flush\n");

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Pause()
    {
        if (delayMilliseconds > 0)
        {
            Thread.Sleep(delayMilliseconds);
        }
    }
}
