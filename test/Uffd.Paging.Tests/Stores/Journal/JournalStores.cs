using Microsoft.Win32.SafeHandles;

namespace Uffd.Paging.Tests.Stores;

/// <summary>A file, and nothing to save it from being half written.</summary>
internal sealed class PlainFileStore : IPageStore
{
    private readonly SafeFileHandle _file;

    public PlainFileStore(string path, ulong length)
    {
        _file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        RandomAccess.SetLength(_file, (long)length);
        Length = length;
    }

    public ulong Length { get; }

    public void Read(ulong offset, Span<byte> destination) => destination[RandomAccess.Read(_file, destination, (long)offset)..].Clear();

    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        // A page at a time, so that a process that is killed has written some of them.
        for (int done = 0, available = this.AvailableAt(offset, source.Length); done < available; done += PackedPages.Page)
        {
            RandomAccess.Write(_file, source[done..Math.Min(available, done + PackedPages.Page)], (long)offset + done);
        }
    }

    public void Flush() => RandomAccess.FlushToDisk(_file);

    public void Dispose() => _file.Dispose();
}

/// <summary>Stops in a write until it is told to go on, and keeps what it was given.</summary>
internal sealed class GatedStore(IPageStore inner) : IPageStore
{
    private readonly ManualResetEventSlim _open = new();
    private readonly SemaphoreSlim _arrived = new(0);

    public ulong Length => inner.Length;

    public bool AllAligned { get; private set; } = true;

    public List<int> Lengths { get; } = [];

    public void Read(ulong offset, Span<byte> destination) => inner.Read(offset, destination);

    public unsafe void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        fixed (byte* bytes = source) // only its address is looked at
        {
            AllAligned &= (nuint)bytes % PackedPages.Page == 0 && source.Length % PackedPages.Page == 0;
        }

        Lengths.Add(source.Length);
        _arrived.Release();
        Assert.True(_open.Wait(TestTime.Scaled(TimeSpan.FromSeconds(30))));
        inner.Write(offset, source);
    }

    public void Flush() => inner.Flush();

    public async Task ArrivedAsync() => Assert.True(await _arrived.WaitAsync(TestTime.Scaled(TimeSpan.FromSeconds(30))));

    public void Open() => _open.Set();

    public void Dispose() => inner.Dispose();
}
