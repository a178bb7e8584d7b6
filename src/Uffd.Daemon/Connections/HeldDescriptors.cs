using System.Globalization;
using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>
/// The userfaultfds that a client sent and that are not served. They stay open as long as its process lives: closing one could
/// turn the client's memory into zeros, keeping it makes the client wait.
/// </summary>
internal sealed class HeldDescriptors : IDisposable
{
    private readonly List<SafeDescriptorHandle> _held = [];

    public bool IsEmpty => _held.Count == 0;

    /// <summary>
    /// Takes the userfaultfd of a message. Other descriptors that came with it (a memfd, for one) have no use here and are closed;
    /// a second userfaultfd is kept, for it must not be.
    /// </summary>
    public Userfaultfd? TakeUserfaultfd(IReadOnlyList<SafeDescriptorHandle> descriptors, out string? fault)
    {
        var found = new List<Userfaultfd>();
        string? other = null;
        fault = null;
        foreach (SafeDescriptorHandle descriptor in descriptors)
        {
            try
            {
                found.Add(Userfaultfd.FromDescriptor(descriptor));
            }
            catch (UffdException exception)
            {
                other ??= exception.Message;
                descriptor.Dispose();
            }
            catch (IOException exception)
            {
                fault = $"the userfaultfd cannot be looked at: {exception.Message}";
                _held.Add(descriptor); // it is one: only its features could not be read
            }
        }

        fault ??= found.Count switch
        {
            0 => other ?? "no userfaultfd came with the text",
            1 => null,
            _ => "more than one userfaultfd came with one text",
        };
        if (fault is null)
        {
            return found[0];
        }

        found.ForEach(Keep);
        return null;
    }

    /// <summary>Keeps a userfaultfd.</summary>
    public void Keep(Userfaultfd userfaultfd) => _held.Add(userfaultfd.Handle);

    /// <summary>Keeps those that are userfaultfds, and closes the others.</summary>
    public void KeepUserfaultfds(IReadOnlyList<SafeDescriptorHandle> descriptors)
    {
        foreach (SafeDescriptorHandle descriptor in descriptors)
        {
            try
            {
                Keep(Userfaultfd.FromDescriptor(descriptor));
            }
            catch (UffdException)
            {
                descriptor.Dispose(); // no userfaultfd: nothing depends on it
            }
            catch (IOException)
            {
                _held.Add(descriptor); // it is one
            }
        }
    }

    /// <summary>
    /// Before they close for good: poisons what the process has registered, so that it reads no zeros. Where its maps cannot be
    /// read, or the policy says so, the process is killed.
    /// </summary>
    /// <returns>One line that says what had to be done or could not be, or null.</returns>
    public string? Settle(ProcessHandle process, int processId, FaultFailurePolicy policy)
    {
        if (IsEmpty || process.HasExited)
        {
            return null;
        }

        if (policy != FaultFailurePolicy.Terminate && RegisteredRanges.TryRead(processId, out IReadOnlyList<RegisteredRange> ranges))
        {
            foreach (SafeDescriptorHandle descriptor in _held)
            {
                using var userfaultfd = Userfaultfd.FromDescriptor(descriptor);
                foreach (RegisteredRange range in ranges)
                {
                    range.Poison(userfaultfd, readsEvents: true);
                }
            }

            return null;
        }

        Errno errno = process.Kill();
        return errno is Errno.None or Errno.ESRCH
            ? string.Create(CultureInfo.InvariantCulture, $"pid {processId}, which had been refused, was killed: its memory would have turned into zeros")
            : string.Create(CultureInfo.InvariantCulture, $"pid {processId}, which had been refused, reads zeros where its memory is missing, unless it has a copy of its userfaultfd: it could not be killed ({UffdException.Describe(errno)})");
    }

    public void Dispose() => _held.ForEach(descriptor => descriptor.Dispose());
}
