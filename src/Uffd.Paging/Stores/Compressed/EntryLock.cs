namespace Uffd.Paging;

/// <summary>
/// One page, held by one thread: a bit in its entry. It is held for a microsecond or two, by who reads or writes that page or moves its
/// blob, so that others spin; nobody who reads another page ever does.
/// </summary>
internal static unsafe class EntryLock
{
    /// <summary>Waits for the page.</summary>
    /// <param name="entry">Its entry in the table, which lives as long as the store.</param>
    /// <returns>What it says.</returns>
    public static PageEntry Enter(ulong* entry)
    {
        var spinner = new SpinWait();
        PageEntry value;
        while (!TryEnter(entry, out value))
        {
            spinner.SpinOnce();
        }

        return value;
    }

    /// <summary>Takes the page if nobody has it.</summary>
    public static bool TryEnter(ulong* entry, out PageEntry value)
    {
        value = new PageEntry(Volatile.Read(ref *entry));
        return !value.IsLocked && Interlocked.CompareExchange(ref *entry, value.Locked.Value, value.Value) == value.Value;
    }

    /// <summary>Gives the page back.</summary>
    /// <param name="entry">Its entry.</param>
    /// <param name="value">What it says from now on.</param>
    public static void Exit(ulong* entry, PageEntry value) => Volatile.Write(ref *entry, value.Value);
}
