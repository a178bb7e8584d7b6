namespace Uffd;

/// <summary>How a <see cref="Userfaultfd.MoveOrCopy"/> was done.</summary>
/// <param name="MovedBytes">Bytes whose pages were moved.</param>
/// <param name="CopiedBytes">Bytes that had to be copied because their pages were not exclusive.</param>
/// <param name="Errno">Why it stopped, or <see cref="Errno.None"/> when all was done.</param>
public readonly record struct MoveOrCopyResult(ulong MovedBytes, ulong CopiedBytes, Errno Errno)
{
    /// <summary>Whether some pages could not be moved: the process forked without DontFork, KSM merged them, or they are pinned.</summary>
    public bool FellBack => CopiedBytes > 0;

    /// <summary>Bytes done, from the start of the range.</summary>
    public ulong Bytes => MovedBytes + CopiedBytes;
}

/// <content>Helpers that continue what the kernel did in part.</content>
public sealed partial class Userfaultfd
{
    /// <summary>
    /// Copies a whole range, going on after each partial result. It stops, as a single Copy does, at the first page that is
    /// there (EEXIST), and when an event is unread (EAGAIN without progress): read the events, then call again with the rest.
    /// </summary>
    /// <param name="destination">Whole pages in the registered process.</param>
    /// <param name="sourceAddress">Where the bytes are in this process.</param>
    /// <param name="modes">How.</param>
    /// <returns>Bytes is the sum of all steps.</returns>
    public UffdResult CopyAll(AddressRange destination, ulong sourceAddress, UffdCopyModes modes = UffdCopyModes.None)
        => Repeat(destination, (sourceAddress, modes), static (self, rest, done, with) => self.Copy(rest, with.sourceAddress + done, with.modes));

    /// <summary>Maps zeros over a whole range, going on after each partial result; stops as <see cref="CopyAll"/> does.</summary>
    /// <param name="range">Whole pages.</param>
    /// <param name="modes">How.</param>
    public UffdResult ZeroPageAll(AddressRange range, UffdZeroPageModes modes = UffdZeroPageModes.None)
        => Repeat(range, modes, static (self, rest, _, with) => self.ZeroPage(rest, with));

    /// <summary>Maps a whole range of pages that are in the page cache, going on after each partial result; stops as <see cref="CopyAll"/> does.</summary>
    /// <param name="range">Whole pages.</param>
    /// <param name="modes">How.</param>
    public UffdResult ContinueAll(AddressRange range, UffdContinueModes modes = UffdContinueModes.None)
        => Repeat(range, modes, static (self, rest, _, with) => self.Continue(rest, with));

    /// <summary>Poisons a whole range, going on after each partial result; stops as <see cref="CopyAll"/> does.</summary>
    /// <param name="range">Whole pages.</param>
    /// <param name="modes">How.</param>
    public UffdResult PoisonAll(AddressRange range, UffdPoisonModes modes = UffdPoisonModes.None)
        => Repeat(range, modes, static (self, rest, _, with) => self.Poison(rest, with));

    /// <summary>
    /// Moves a whole range, and copies the pages that cannot be moved because they are not exclusive (EBUSY: the process
    /// forked without <see cref="MemoryAdvice.DontFork"/>, KSM merged them, they are pinned). The result says how many bytes
    /// went which way. A copied page stays at the source too; a moved one does not.
    /// </summary>
    /// <param name="destination">Where to: registered, missing.</param>
    /// <param name="sourceAddress">Where from, as for <see cref="Move"/>.</param>
    /// <param name="modes">How; DontWake holds for the copies too.</param>
    public MoveOrCopyResult MoveOrCopy(AddressRange destination, ulong sourceAddress, UffdMoveModes modes = UffdMoveModes.None)
    {
        UffdCopyModes copyModes = modes.HasFlag(UffdMoveModes.DontWake) ? UffdCopyModes.DontWake : UffdCopyModes.None;
        ulong page = (ulong)Environment.SystemPageSize;
        ulong moved = 0;
        ulong copied = 0;
        while (moved + copied < destination.Length)
        {
            ulong done = moved + copied;
            UffdResult step = Move(destination.Skip(done), sourceAddress + done, modes);
            moved += step.Bytes;
            if (step.IsComplete || step is { Errno: Errno.EAGAIN, Bytes: > 0 })
            {
                continue;
            }

            if (step.Errno != Errno.EBUSY)
            {
                return new MoveOrCopyResult(moved, copied, step.Errno);
            }

            done = moved + copied;
            UffdResult copy = Copy(new AddressRange(destination.Start + done, page), sourceAddress + done, copyModes);
            copied += copy.Bytes;
            if (!copy.IsComplete)
            {
                return new MoveOrCopyResult(moved, copied, copy.Errno);
            }
        }

        return new MoveOrCopyResult(moved, copied, Errno.None);
    }

    /// <summary>Calls a step with what is left of a range for as long as it gets on: EAGAIN with some bytes done is a partial result.</summary>
    private UffdResult Repeat<T>(AddressRange range, T with, Func<Userfaultfd, AddressRange, ulong, T, UffdResult> step)
    {
        UffdResult result = step(this, range, 0, with);
        ulong done = result.Bytes;
        while (result is { Errno: Errno.EAGAIN, Bytes: > 0 } && done < range.Length)
        {
            result = step(this, range.Skip(done), done, with);
            done += result.Bytes;
        }

        return new UffdResult(done, done == range.Length ? Errno.None : result.Errno);
    }
}
