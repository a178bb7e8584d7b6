using System.Runtime.InteropServices;

namespace Uffd.Kernel.Stress;

/// <summary>
/// A thread that answers faults: it either polls, or sleeps in read(2) itself. A reading one is told to end by a fault on a
/// page that means so.
/// </summary>
internal sealed class Handler
{
    private static readonly TimeSpan Nap = TimeSpan.FromMilliseconds(20);

    private readonly Bounce _bounce;
    private readonly bool _poll;
    private readonly Thread _thread;
    private volatile bool _stop;

    public Handler(Bounce bounce, bool poll)
    {
        _bounce = bounce;
        _poll = poll;
        _thread = new Thread(Run) { IsBackground = true, Name = "fault handler" };
        _thread.Start();
    }

    /// <summary>What went wrong, or null.</summary>
    public Exception? Failure { get; private set; }

    public bool HasEnded => !_thread.IsAlive;

    public void Stop() => _stop = true;

    public bool Join(TimeSpan timeout) => _thread.Join(timeout);

    private void Run()
    {
        try
        {
            using var copier = new PageCopier(_bounce);
            using var poller = new EventPoller();
            using var reader = new UffdEventReader(_bounce.Userfaultfd, _poll ? 16 : 1); // one that sleeps leaves the rest to others
            poller.Add(_bounce.Userfaultfd.Handle, 1);
            Span<PollResult> ready = stackalloc PollResult[1];
            while (!_stop)
            {
                if (_poll)
                {
                    poller.Wait(ready, Nap);
                }

                int count = reader.Read();
                for (int index = 0; index < count; index++)
                {
                    if (!Answer(copier, reader[index].PageFault))
                    {
                        return;
                    }
                }
            }
        }
        catch (Exception exception)
        {
            Failure = exception;
        }
    }

    /// <summary>Answers one fault; false when it was the one that means the end.</summary>
    private bool Answer(PageCopier copier, PageFault fault)
    {
        if (_bounce.IsEnd(fault.Address))
        {
            _bounce.Userfaultfd.ZeroPage(new AddressRange(fault.Address, (ulong)Environment.SystemPageSize)).ThrowIfIncomplete();
            return false;
        }

        if (fault.Kind == PageFaultKind.WriteProtect)
        {
            _bounce.Userfaultfd.WriteProtect(_bounce.PageAt(fault.Address), UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
            _bounce.CountProtectFault();
            return true;
        }

        _bounce.CountMissingFault();
        copier.Copy(_bounce.PageOf(fault.Address));
        return true;
    }
}

/// <summary>Brings pages from where they were, through a buffer of its own.</summary>
internal sealed unsafe class PageCopier : IDisposable
{
    private readonly Bounce _bounce;
    private readonly byte* _buffer; // native, freed in Dispose: the kernel reads it

    public PageCopier(Bounce bounce)
    {
        _bounce = bounce;
        _buffer = (byte*)NativeMemory.AlignedAlloc((nuint)bounce.PageSize, (nuint)Environment.SystemPageSize);
    }

    /// <summary>Copies a page; one that is there already is left, and who waits for it woken.</summary>
    public void Copy(int page)
    {
        _bounce.ReadSource(page, new Span<byte>(_buffer, (int)_bounce.PageSize)); // our own, of that length
        UffdCopyModes modes = _bounce.IsProtected(page) ? UffdCopyModes.WriteProtect : UffdCopyModes.None;
        AddressRange destination = _bounce.Destination(page);
        UffdResult result = _bounce.Userfaultfd.Copy(destination, (ulong)_buffer, modes);
        if (result.Errno == Errno.EEXIST)
        {
            _bounce.CountAlreadyThere();
            _bounce.Userfaultfd.Wake(destination).ThrowIfIncomplete();
            return;
        }

        result.ThrowIfIncomplete();
        long copied = _bounce.CountPage();
        if (copied % 64 == 0)
        {
            // It is there now, whoever asks. Not for a protected page's sake: that one may have been unprotected.
            if (_bounce.Userfaultfd.Copy(destination, (ulong)_buffer, modes).Errno != Errno.EEXIST)
            {
                throw new InvalidOperationException($"page {page} was copied twice");
            }
        }
    }

    public void Dispose() => NativeMemory.AlignedFree(_buffer);
}
