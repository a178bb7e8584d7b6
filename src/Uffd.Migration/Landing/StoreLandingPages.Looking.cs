using Uffd.Paging;

namespace Uffd.Migration;

/// <content>How pages are looked at, and who is told of a change: all of it under the lock.</content>
internal sealed partial class StoreLandingPages
{
    /// <summary>
    /// The state of a page, and how many from there on have the same. What <see cref="IMigratedPages"/> knows of one that was not looked at is noted. For who reads, a page that
    /// comes although nobody waits for it is like one that is missing.
    /// </summary>
    private LandedPage LookAt(long first, int count, out int same, bool isAhead = false, bool resolvesOnly = false)
    {
        Span<byte> states = _states.AsSpan((int)first, Math.Min(count, _states.Length - (int)first));
        Resolve(first, states);
        var kind = (LandedPage)states[0];
        bool isForDemand = kind is LandedPage.Missing or LandedPage.Ahead && !isAhead && !resolvesOnly;
        int other = isForDemand ? states.IndexOfAnyExcept((byte)LandedPage.Missing, (byte)LandedPage.Ahead) : states.IndexOfAnyExcept(states[0]);
        same = other < 0 ? states.Length : other;
        return isForDemand ? LandedPage.Missing : kind;
    }

    /// <summary>Asks what is known of pages that were not looked at.</summary>
    private void Resolve(long first, Span<byte> states)
    {
        for (int at = 0; at < states.Length;)
        {
            int next = states[at..].IndexOf((byte)LandedPage.Missing);
            if (next < 0)
            {
                return;
            }

            at += next;
            int end = states[at..].IndexOfAnyExcept((byte)LandedPage.Missing);
            Span<byte> unknown = states.Slice(at, end < 0 ? states.Length - at : end);
            SourceRun run = _source!.GetRun((ulong)(first + at) << WirePage.Shift, (ulong)unknown.Length << WirePage.Shift);
            int pages = (int)Math.Clamp(run.Length >> WirePage.Shift, 1, (ulong)unknown.Length);
            switch (run.Kind)
            {
                case SourceRunKind.Data:
                    break;
                case SourceRunKind.Poisoned:
                    unknown[..pages].Fill((byte)LandedPage.Lost);
                    Lose(pages);
                    break;
                default:
                    unknown[..pages].Fill((byte)LandedPage.Here);
                    break;
            }

            at += pages;
        }
    }

    private void Lose(int pages)
    {
        _lost += pages;
        _isPlain = false;
    }

    /// <summary>The next page that is missing.</summary>
    private bool TryFind(long from, long end, out long page)
    {
        const int AtOnce = 256; // what is known of pages far away is asked when they come near

        for (page = from; page < end;)
        {
            int next = _states.AsSpan((int)page, (int)(end - page)).IndexOf((byte)LandedPage.Missing);
            if (next < 0)
            {
                return false;
            }

            page += next;
            Span<byte> states = _states.AsSpan((int)page, (int)Math.Min(AtOnce, end - page));
            Resolve(page, states);
            if (states[0] == (byte)LandedPage.Missing)
            {
                return true;
            }
        }

        return false;
    }

    private Task Wait(long page)
    {
        if (!_waiting.TryGetValue(page, out TaskCompletionSource? waiter))
        {
            _waiting[page] = waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        return waiter.Task;
    }

    private Task Change() => (_changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    private void Tell(long first, int count)
    {
        for (long page = first; _waiting.Count > 0 && page < first + count; page++)
        {
            if (_waiting.Remove(page, out TaskCompletionSource? waiter))
            {
                waiter.SetResult();
            }
        }

        _changed?.SetResult();
        _changed = null;
    }
}
