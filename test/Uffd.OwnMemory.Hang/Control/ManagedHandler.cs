namespace Uffd.OwnMemory.Hang;

/// <summary>
/// Serves faults on a managed thread of the process that faults: what one must not do. A collection stops this thread, and waits for
/// the one whose page it does not bring.
/// </summary>
internal sealed class ManagedHandler : IDisposable
{
    private readonly Userfaultfd _userfaultfd;
    private readonly ulong _pageSize;
    private readonly EventPoller _poller = new();
    private readonly Thread _thread;
    private volatile bool _isStopping;

    public ManagedHandler(Userfaultfd userfaultfd, ulong pageSize)
    {
        _userfaultfd = userfaultfd;
        _pageSize = pageSize;
        _poller.Add(userfaultfd.Handle, 1);
        _thread = new Thread(Serve) { IsBackground = true, Name = "handler" };
        _thread.Start();
    }

    public void Dispose()
    {
        _isStopping = true;
        _poller.Wake();
        _thread.Join();
        _poller.Dispose();
    }

    private void Serve()
    {
        using var reader = new UffdEventReader(_userfaultfd);
        Span<PollResult> ready = stackalloc PollResult[1];
        while (!_isStopping)
        {
            _poller.Wait(ready, TimeSpan.FromSeconds(1));
            while (reader.Read() > 0)
            {
                for (int index = 0; index < reader.Count; index++)
                {
                    var page = new AddressRange(reader[index].PageFault.Address & ~(_pageSize - 1), _pageSize);
                    if (_userfaultfd.ZeroPage(page).Errno == Errno.EEXIST)
                    {
                        _userfaultfd.Wake(page);
                    }
                }
            }
        }
    }
}
