namespace Uffd.Paging;

/// <summary>
/// The memory of a client's region as the pager process sees it: the userfaultfd, the memfd behind it, and where the client has mapped it.
/// It is never mapped here: a touch of a missing page by a mapping of our own would make a page of zeros, which the client would read.
/// </summary>
internal sealed class RawMemory : IDisposable
{
    private static readonly TimeSpan BusyTimeout = TimeSpan.FromSeconds(5);

    /// <param name="userfaultfd">The client's, registered for missing pages and write-protection; owned from now on.</param>
    /// <param name="memfd">What the client has mapped; owned from now on.</param>
    /// <param name="range">Where: whole pages.</param>
    public RawMemory(Userfaultfd userfaultfd, SafeDescriptorHandle memfd, AddressRange range)
    {
        Userfaultfd = userfaultfd;
        Memfd = memfd;
        Range = range;
    }

    public static ulong PageSize { get; } = (ulong)Environment.SystemPageSize;

    public Userfaultfd Userfaultfd { get; }

    public SafeDescriptorHandle Memfd { get; }

    public AddressRange Range { get; }

    public long Pages => (long)(Range.Length / PageSize);

    public AddressRange Of(long page, long count) => new(Range.Start + ((ulong)page * PageSize), (ulong)count * PageSize);

    /// <returns>False when the address lies outside.</returns>
    public bool TryFind(ulong address, out long page)
    {
        page = Range.Contains(address) ? (long)((address - Range.Start) / PageSize) : -1;
        return page >= 0;
    }

    /// <summary>Whether there is a page, whatever we believe.</summary>
    public bool HasPage(long page) => Uffd.Memfd.HasData(Memfd, (ulong)page * PageSize);

    public void Wake(long page, long count) => Userfaultfd.Wake(Of(page, count));

    /// <summary>Makes pages writable and wakes who waits for them. Over an absent page it takes away the marker that protects it.</summary>
    public void Unprotect(long page, long count)
    {
        UffdResult result = SetProtection(Of(page, count), UffdWriteProtectModes.Unprotect);
        if (!result.IsComplete)
        {
            Wake(page, count); // the memory or its process has gone: who still waits there is told by the kernel
        }
    }

    /// <summary>Protects pages: when it returns, who writes them waits for us. Where the client has gone nobody writes.</summary>
    /// <exception cref="UffdException">The kernel refused.</exception>
    public void Protect(long page, long count)
    {
        UffdResult result = SetProtection(Of(page, count), UffdWriteProtectModes.Protect);
        if (result.Errno is not (Errno.None or Errno.ESRCH or Errno.ENOENT))
        {
            throw new UffdException($"write-protecting {Of(page, count)} of the client", result.Errno);
        }
    }

    /// <summary>Makes a page that is not there poisoned. The caller has claimed it.</summary>
    /// <returns>Whether it is.</returns>
    public bool Poison(long page)
    {
        // A marker of the protection that it had would be in the way. Nobody is woken in between.
        SetProtection(Of(page, 1), UffdWriteProtectModes.DontWake);
        UffdResult result = Retry(Of(page, 1), static (self, range) => self.Userfaultfd.Poison(range));
        if (!result.IsComplete)
        {
            Wake(page, 1);
        }

        return result.IsComplete;
    }

    /// <summary>Gives the memory of pages back. Each was protected, so that nobody has written it since it was saved.</summary>
    public void Punch(long page, long count) => Uffd.Memfd.PunchHole(Memfd, (ulong)page * PageSize, (ulong)count * PageSize);

    /// <summary>Reads what the client has written. Never makes a page.</summary>
    public void Read(long page, Span<byte> destination) => Uffd.Memfd.Read(Memfd, (ulong)page * PageSize, destination);

    public void Dispose()
    {
        Userfaultfd.Dispose();
        Memfd.Dispose();
    }

    private UffdResult SetProtection(AddressRange range, UffdWriteProtectModes modes)
        => modes switch
        {
            UffdWriteProtectModes.Protect => Retry(range, static (self, range) => self.Userfaultfd.WriteProtect(range, UffdWriteProtectModes.Protect)),
            UffdWriteProtectModes.DontWake => Retry(range, static (self, range) => self.Userfaultfd.WriteProtect(range, UffdWriteProtectModes.DontWake)),
            _ => Retry(range, static (self, range) => self.Userfaultfd.WriteProtect(range, UffdWriteProtectModes.Unprotect)),
        };

    /// <summary>No events were asked for, so that EAGAIN passes by itself.</summary>
    private UffdResult Retry(AddressRange range, Func<RawMemory, AddressRange, UffdResult> operation)
    {
        UffdResult result = operation(this, range);
        for (long start = System.Diagnostics.Stopwatch.GetTimestamp();
            result.ShouldRetry && System.Diagnostics.Stopwatch.GetElapsedTime(start) < BusyTimeout;
            result = operation(this, range))
        {
            Thread.Yield();
        }

        return result;
    }
}
