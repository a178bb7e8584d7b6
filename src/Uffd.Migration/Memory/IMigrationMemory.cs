using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>
/// Memory that can be moved while somebody writes to it: its bytes, and which of them were written. Members are called from several threads at once, but
/// <see cref="StartTracking"/>, <see cref="TakeWritten"/> and <see cref="StopTracking"/> by one at a time.
/// </summary>
/// <remarks>
/// Unlike of any other source its content changes while it is read: a read may give some bytes of before a write and some of after it, and is made again, because the
/// write is told. <see cref="IPageSource.GetRun"/> may tell <see cref="SourceRunKind.Hole"/> or <see cref="SourceRunKind.Zero"/> of what was never written, and
/// <see cref="SourceRunKind.Poisoned"/> of pages that cannot be read. A page whose reading fails is poisoned at the destination, and nowhere else. Its length is whole
/// pages of 4096 bytes.
/// </remarks>
public interface IMigrationMemory : IPageSource
{
    /// <summary>From now on writes are told.</summary>
    /// <exception cref="IOException">They cannot be followed.</exception>
    void StartTracking();

    /// <summary>
    /// Tells what was written since this was called last, or since the start. Never less: a write that ended before the call is told by it, one that goes on during it by
    /// it or by the next. When it is called while nobody writes, and returns, reads give what was written.
    /// </summary>
    /// <param name="written">Receives the runs, in any order; whole pages.</param>
    /// <exception cref="IOException">The memory is gone.</exception>
    void TakeWritten(ICollection<SourceRange> written);

    /// <summary>Writes are no longer told, and cost what they did before. Does not throw.</summary>
    void StopTracking();
}
