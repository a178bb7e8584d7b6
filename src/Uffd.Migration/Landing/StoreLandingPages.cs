using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Uffd.Migration;

/// <summary>What is known of a page after the switch.</summary>
internal enum LandedPage : byte
{
    /// <summary>At the source, or not looked at yet: <see cref="IMigratedPages"/> tells which.</summary>
    Missing,

    /// <summary>On its way, and nobody waits for it.</summary>
    Ahead,

    /// <summary>On its way, and a thread waits for it.</summary>
    Demanded,

    /// <summary>It has come and is written to the store: nobody else may write it now.</summary>
    Keeping,

    /// <summary>In the store.</summary>
    Here,

    /// <summary>The source could not read it.</summary>
    Lost,
}

/// <summary>
/// Which pages are here, and who fetches which: a byte for each, changed under one lock. A page is fetched by one at a time, with one exception: one that is on its way
/// behind others is asked for again by who waits for it, because that goes ahead of all. Whoever writes a page makes it his, and what is still on its way is dropped.
/// </summary>
internal sealed partial class StoreLandingPages
{
    private readonly Lock _gate = new();
    private readonly byte[] _states;
    private readonly Dictionary<long, TaskCompletionSource> _waiting = [];
    private IMigratedPages? _source;
    private IOException? _over;
    private TaskCompletionSource? _changed;
    private long _next; // where the rest goes on
    private int _busy; // claims whose holders have not ended
    private int _keeping; // writes of what came that are under way
    private long _missing; // pages, for people: what the source told, less what was settled
    private long _lost;
    private long _fetched;
    private bool _isComplete;
    private bool _isClosed;
    private volatile bool _isPlain = true;

    public StoreLandingPages(ulong length) => _states = new byte[checked((int)((length + WirePage.Bytes - 1) >> WirePage.Shift))];

    /// <summary>Whether the store has everything there is: before the switch, and when all has come.</summary>
    public bool IsPlain => _isPlain;

    public long MissingPages => Interlocked.Read(ref _missing);

    public long LostPages => Interlocked.Read(ref _lost);

    public long FetchedPages => Interlocked.Read(ref _fetched);

    public void Switch(IMigratedPages source)
    {
        lock (_gate)
        {
            if (_over is not null)
            {
                throw _over;
            }

            if (_source is not null)
            {
                throw new InvalidOperationException("the switch has been made already");
            }

            _source = source;
            _missing = (long)(source.MissingBytes >> WirePage.Shift);
            _isPlain = false;
        }
    }

    /// <summary>From now on nothing is fetched any more.</summary>
    /// <param name="reason">What those are told who touch what is missing.</param>
    public void End(IOException reason)
    {
        lock (_gate)
        {
            _over ??= reason;
        }
    }

    /// <summary>From now on what comes is not kept any more.</summary>
    /// <returns>Ends when there is less of that, and it is to be asked again; it has ended when nobody writes any more what has come.</returns>
    public Task Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            return _keeping == 0 ? Task.CompletedTask : Change();
        }
    }

    /// <summary>What is known of a page, and of how many from there on the same is true.</summary>
    public LandedPage Look(long first, int count, out int same)
    {
        lock (_gate)
        {
            LandedPage kind = LookAt(first, count, out same);
            return kind is LandedPage.Here or LandedPage.Lost ? kind : LandedPage.Missing;
        }
    }

    /// <summary>
    /// Begins to read some pages. When they are missing they are the caller's to fetch, who says with <see cref="Release"/> that it is over; when somebody else is about to bring them,
    /// the task ends when it is worth looking again.
    /// </summary>
    /// <exception cref="IOException">Nothing is fetched any more.</exception>
    public LandedPage Enter(long first, int count, out int same, out Task? busy)
    {
        lock (_gate)
        {
            busy = null;
            LandedPage kind = LookAt(first, count, out same);
            switch (kind)
            {
                case LandedPage.Missing when _over is not null:
                    throw new IOException(_over.Message, _over);
                case LandedPage.Missing:
                    _states.AsSpan((int)first, same).Fill((byte)LandedPage.Demanded);
                    _next = first + same;
                    _busy++;
                    break;
                case LandedPage.Demanded or LandedPage.Keeping:
                    busy = Wait(first);
                    break;
            }

            return kind;
        }
    }

    /// <summary>Claims pages that nobody waits for, behind where somebody last did.</summary>
    /// <param name="most">How many at the most.</param>
    /// <param name="first">The first of them.</param>
    /// <param name="count">How many.</param>
    /// <param name="changed">Without any: ends when there may be some again; null when everything is here.</param>
    public bool TryClaimAhead(int most, out long first, out int count, out Task? changed)
    {
        lock (_gate)
        {
            changed = null;
            if (TryFind(_next, _states.Length, out first) || TryFind(0, _next, out first))
            {
                LookAt(first, most, out int same, isAhead: true);
                count = same;
                _states.AsSpan((int)first, count).Fill((byte)LandedPage.Ahead);
                _next = first + count;
                _busy++;
                return true;
            }

            count = 0;
            if (_busy > 0)
            {
                changed = Change();
            }
            else
            {
                _isComplete = true;
                Interlocked.Exchange(ref _missing, 0);
                _isPlain = _lost == 0;
            }

            return false;
        }
    }

    /// <summary>Finds the next pages that are still claimed as they were, and lets nobody else write them until <see cref="Kept"/>.</summary>
    public bool TryKeep(ref long page, long end, LandedPage claim, out int count)
    {
        lock (_gate)
        {
            count = 0;
            while (page < end && _states[page] != (byte)claim)
            {
                page++;
            }

            if (_isClosed || page >= end)
            {
                return false;
            }

            while (page + count < end && _states[page + count] == (byte)claim)
            {
                _states[page + count++] = (byte)LandedPage.Keeping;
            }

            _keeping++;
            return true;
        }
    }

    /// <summary>They are in the store, or could not be written and are missing again.</summary>
    public void Kept(long first, int count, bool isKept)
    {
        lock (_gate)
        {
            Debug.Assert(!_states.AsSpan((int)first, count).ContainsAnyExcept((byte)LandedPage.Keeping));
            _states.AsSpan((int)first, count).Fill((byte)(isKept ? LandedPage.Here : LandedPage.Missing));
            _keeping--;
            if (isKept)
            {
                Settled(count);
                _fetched += count;
            }

            Tell(first, count);
        }
    }

    /// <summary>Ends a claim: what of it was not kept is missing again.</summary>
    public void Release(long first, int count, LandedPage claim)
    {
        lock (_gate)
        {
            foreach (ref byte state in _states.AsSpan((int)first, count))
            {
                state = state == (byte)claim ? (byte)LandedPage.Missing : state;
            }

            _busy--;
            Tell(first, count);
        }
    }

    /// <summary>Somebody writes whole pages: they are here from now on, unless what came of one is written just now.</summary>
    /// <returns>False when there is something to wait for before asking again.</returns>
    public bool TryEnterWrite(long first, int count, [NotNullWhen(false)] out Task? busy)
    {
        busy = null;
        lock (_gate)
        {
            Span<byte> states = _states.AsSpan((int)first, count);
            int keeping = states.IndexOf((byte)LandedPage.Keeping);
            if (keeping >= 0)
            {
                busy = Wait(first + keeping);
                return false;
            }

            for (int done = 0; done < count;)
            {
                LandedPage kind = LookAt(first + done, count - done, out int same, resolvesOnly: true);
                if (kind == LandedPage.Lost)
                {
                    _lost -= same;
                    _isPlain = _isComplete && _lost == 0;
                }
                else if (kind != LandedPage.Here)
                {
                    Settled(same);
                }

                states.Slice(done, same).Fill((byte)LandedPage.Here);
                done += same;
            }

            Tell(first, count); // who waited for what was on its way finds it here
            return true;
        }
    }

    private void Settled(int count) => _missing = Math.Max(0, _missing - count);
}
