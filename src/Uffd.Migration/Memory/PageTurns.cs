using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>
/// Lets reads and writes of a store's pages take turns: a store need not bear a read of a page while it is written. Only few are under way at once, so a list of
/// them is enough.
/// </summary>
internal sealed class PageTurns
{
    private readonly Lock _gate = new();
    private readonly List<Turn> _turns = [];

    /// <summary>Waits until nobody is in its way, and holds a thread up meanwhile.</summary>
    public Turn Enter(SourceRange range, bool isWrite)
    {
        var turn = new Turn(range, isWrite);
        while (!TryEnter(turn, out Task? ended))
        {
            ended.GetAwaiter().GetResult();
        }

        return turn;
    }

    /// <summary>The same without holding a thread up.</summary>
    public async ValueTask<Turn> EnterAsync(SourceRange range, bool isWrite, CancellationToken cancellation)
    {
        var turn = new Turn(range, isWrite);
        while (!TryEnter(turn, out Task? ended))
        {
            await ended.WaitAsync(cancellation).ConfigureAwait(false);
        }

        return turn;
    }

    public void Leave(Turn turn)
    {
        lock (_gate)
        {
            _turns.Remove(turn);
        }

        turn.End();
    }

    private bool TryEnter(Turn turn, [NotNullWhen(false)] out Task? ended)
    {
        lock (_gate)
        {
            foreach (Turn other in CollectionsMarshal.AsSpan(_turns))
            {
                if ((turn.IsWrite || other.IsWrite) && turn.Overlaps(other))
                {
                    ended = other.Ended;
                    return false;
                }
            }

            _turns.Add(turn);
        }

        ended = null;
        return true;
    }

    /// <summary>A read or a write that is under way.</summary>
    internal sealed class Turn(SourceRange range, bool isWrite)
    {
        private TaskCompletionSource? _ended; // made when somebody waits; under the lock until the turn is over

        public bool IsWrite => isWrite;

        public Task Ended => (_ended ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

        public bool Overlaps(Turn other) => range.Offset < other.RangeEnd && other.RangeOffset < range.End;

        /// <summary>Nobody finds it any more: who waits has asked before.</summary>
        public void End() => _ended?.SetResult();

        private ulong RangeOffset => range.Offset;

        private ulong RangeEnd => range.End;
    }
}
