namespace Uffd.Daemon;

/// <summary>An answer on its way to a client that may read slowly: what does not fit into its socket waits here, and nobody waits for it.</summary>
internal sealed class AnswerOutbox
{
    private ReadOnlyMemory<byte> _rest;
    private IReadOnlyList<SafeDescriptorHandle> _descriptors = [];

    /// <summary>Whether all of the last answer went out.</summary>
    public bool IsEmpty => _rest.IsEmpty;

    /// <summary>Takes an answer; the one before it must have gone out.</summary>
    public void Put(RequestAnswer answer)
    {
        _rest = answer.Line;
        _descriptors = answer.Descriptors;
    }

    /// <summary>Sends what the client has room for.</summary>
    /// <returns>Whether all went out.</returns>
    /// <exception cref="UffdException">The client is gone.</exception>
    public bool Flush(FdChannel channel)
    {
        while (!_rest.IsEmpty)
        {
            int sent = channel.SendAvailable(_rest.Span, [.. _descriptors]);
            if (sent == 0)
            {
                return false;
            }

            _descriptors = []; // they go beside the first byte
            _rest = _rest[sent..];
        }

        return true;
    }
}
