using System.Diagnostics;
using System.Globalization;

namespace Uffd.Tests;

/// <summary>A mapping of this process that is registered whole, its userfaultfd and a reader of it.</summary>
internal sealed class Arena : IDisposable
{
    public static readonly ulong Page = (ulong)Environment.SystemPageSize;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly EventPoller _poller = new();

    private Arena(Userfaultfd userfaultfd, MemoryMapping? mapping)
    {
        Userfaultfd = userfaultfd;
        Reader = new UffdEventReader(userfaultfd);
        Map = mapping;
        _poller.Add(userfaultfd.Handle, 1);
    }

    public Userfaultfd Userfaultfd { get; }

    public UffdEventReader Reader { get; }

    public MemoryMapping Mapping => Map!;

    public AddressRange Range => Mapping.Range;

    private MemoryMapping? Map { get; }

    /// <summary>Anonymous memory, or what <paramref name="map"/> makes.</summary>
    public static Arena Create(
        int pages,
        UffdRegisterModes modes = UffdRegisterModes.Missing,
        UffdFeatures features = UffdFeatures.None,
        Func<MemoryMapping>? map = null)
    {
        Requires.Features(features);
        MemoryMapping mapping = map?.Invoke() ?? MemoryMapping.CreateAnonymous((ulong)pages * Page);
        Userfaultfd userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = features });
        if (modes != UffdRegisterModes.None)
        {
            userfaultfd.Register(mapping.Range, modes);
        }

        return new Arena(userfaultfd, mapping);
    }

    /// <summary>The reading side only, of a userfaultfd that a target handed over.</summary>
    public static Arena Of(Userfaultfd received) => new(received, mapping: null);

    /// <summary>The range of some of the pages.</summary>
    public AddressRange PageAt(int index, int count = 1) => new(Range.Start + ((ulong)index * Page), (ulong)count * Page);

    /// <summary>Waits until there is something to read, and leaves it unread.</summary>
    public void WaitReadable()
    {
        Span<PollResult> ready = stackalloc PollResult[1];
        long start = Stopwatch.GetTimestamp();
        while (_poller.Wait(ready, Patience) == 0)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, "no event came");
        }
    }

    /// <summary>Reads the next event; nothing may come beside it.</summary>
    public UffdEvent ReadOne()
    {
        WaitReadable();
        Assert.Equal(1, Reader.Read());
        return Reader[0];
    }

    /// <summary>Waits until so many faults have been announced and not been read.</summary>
    public void WaitForPendingFaults(int count)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fdinfo/{Userfaultfd.Handle.DangerousGetHandle()}"); // alive: a field of ours
        long start = Stopwatch.GetTimestamp();
        while (!File.ReadAllText(path).Contains(string.Create(CultureInfo.InvariantCulture, $"pending:\t{count}\n"), StringComparison.Ordinal))
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, $"fewer than {count} faults came");
            Thread.Yield();
        }
    }

    public void Dispose()
    {
        _poller.Dispose();
        Reader.Dispose();
        Userfaultfd.Dispose();
        if (Map is not null)
        {
            NativeTouch.WaitForEnd(Map.Range);
            Map.Dispose();
        }
    }
}

/// <summary>Bytes that can be told apart.</summary>
internal static class Content
{
    /// <summary>Pages of random bytes, none of them zero.</summary>
    public static byte[] Random(int pages)
    {
        byte[] bytes = new byte[pages * Environment.SystemPageSize];
        for (int index = 0; index < bytes.Length; index++)
        {
            bytes[index] = (byte)System.Random.Shared.Next(1, 256);
        }

        return bytes;
    }
}

/// <summary>Tests that change what others in this process stand on: they run alone.</summary>
[CollectionDefinition(nameof(AloneCollection), DisableParallelization = true)]
public sealed class AloneCollection;
