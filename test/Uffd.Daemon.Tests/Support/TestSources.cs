using Uffd.Paging;

namespace Uffd.Daemon.Tests;

/// <summary>Holds every read back until it is opened.</summary>
internal sealed class GatedSource(TestImage image) : IPageSource
{
    private readonly ManualResetEventSlim _gate = new();
    private readonly TaskCompletionSource _reading = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ulong Length => (ulong)image.Bytes.Length;

    /// <summary>Completes when somebody waits in a read.</summary>
    public Task Reading => _reading.Task.WaitAsync(EventLog.Patience);

    public void Open() => _gate.Set();

    public void Read(ulong offset, Span<byte> destination)
    {
        _reading.TrySetResult();
        Assert.True(_gate.Wait(EventLog.Patience), "nobody opened the source");
        image.Bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
    }

    public void Dispose() => _gate.Set();
}

/// <summary>Fails while it is told to.</summary>
internal sealed class FailingSource(TestImage image) : IPageSource
{
    public ulong Length => (ulong)image.Bytes.Length;

    /// <summary>Offsets from here on cannot be read.</summary>
    public ulong FailsFrom { get; set; } = ulong.MaxValue;

    public void Read(ulong offset, Span<byte> destination)
    {
        if (offset + (ulong)destination.Length > FailsFrom)
        {
            throw new IOException("the disk is gone");
        }

        image.Bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
    }

    public void Dispose()
    {
    }
}
