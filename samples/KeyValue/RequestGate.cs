namespace Uffd.Samples.KeyValue;

/// <summary>Every request passes it. Closed, it has those that are inside end and holds up the others, until it is opened or has an answer for all of them.</summary>
internal sealed class RequestGate
{
    private readonly object _gate = new();
    private int _inside;
    private bool _isClosed;
    private string? _answer;

    /// <param name="answer">What is answered instead of letting requests in; null to let them in.</param>
    public RequestGate(string? answer) => _answer = answer;

    /// <summary>Goes in, or waits until it is known what to do.</summary>
    /// <returns>Null when inside: then <see cref="Leave"/>. Otherwise what to answer.</returns>
    public string? Enter()
    {
        lock (_gate)
        {
            while (_isClosed)
            {
                Monitor.Wait(_gate);
            }

            _inside += _answer is null ? 1 : 0;
            return _answer;
        }
    }

    public void Leave()
    {
        lock (_gate)
        {
            if (--_inside == 0 && _isClosed)
            {
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>Returns when nobody is inside any more.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            while (_inside > 0)
            {
                Monitor.Wait(_gate);
            }
        }
    }

    /// <summary>Lets requests in, or gives all of them one answer from now on.</summary>
    public void Open(string? answer = null)
    {
        lock (_gate)
        {
            _isClosed = false;
            _answer = answer;
            Monitor.PulseAll(_gate);
        }
    }
}
