namespace Uffd.Daemon;

/// <summary>Whether this process may open as many descriptors more as new clients will need.</summary>
internal static class DescriptorRoom
{
    /// <summary>Its socket, its process twice, its userfaultfd, and two of the thread that serves it; the rest is to spare.</summary>
    private const int PerClient = 8;

    /// <summary>Tries it. The kernel has no cheaper question: a limit says nothing about what is in use.</summary>
    /// <exception cref="UffdException">There is no room: the message says what to do.</exception>
    public static void Require(int clients)
    {
        var opened = new List<EventPoller>();
        try
        {
            for (int count = 0; count < clients * PerClient; count += 2)
            {
                opened.Add(new EventPoller()); // two descriptors each
            }
        }
        catch (UffdException exception)
        {
            throw new UffdException("too many descriptors are open", exception.Errno, "raise the limit with: ulimit -n 65536");
        }
        finally
        {
            opened.ForEach(poller => poller.Dispose());
        }
    }
}
