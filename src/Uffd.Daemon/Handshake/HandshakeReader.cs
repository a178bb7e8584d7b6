using System.Buffers;

namespace Uffd.Daemon;

/// <summary>One complete hand-over: the regions' text and the descriptors that came with it.</summary>
/// <param name="Regions">At least one.</param>
/// <param name="Descriptors">At least one; owned by whoever takes this.</param>
internal sealed record HandshakeMessage(IReadOnlyList<RegionDescription> Regions, IReadOnlyList<SafeDescriptorHandle> Descriptors);

/// <summary>
/// Puts together what a client sends, in any number of pieces and one text behind the other: a hand-over is a JSON array with one
/// or more descriptors that may come with it, before it or after it; a request is a JSON object, and descriptors that come with
/// it are those of the next hand-over. Bounded; it owns the descriptors until they are taken.
/// </summary>
internal sealed class HandshakeReader : IDisposable
{
    /// <summary>The most bytes of one text.</summary>
    public const int MaxTextBytes = 8 << 20;

    /// <summary>The most bytes of one request.</summary>
    public const int MaxRequestBytes = 4 << 10;

    private const int MaxDescriptors = 16;

    private readonly List<SafeDescriptorHandle> _descriptors = [];
    private readonly JsonBoundary _boundary = new();
    private int _ofNext; // how many of them, the last ones, belong to the next message
    private ArrayBufferWriter<byte> _text = new();
    private ArrayBufferWriter<byte> _behind = new(); // bytes of the next message

    /// <summary>One line that says what is wrong with what came, or null. Once set, nothing more is read.</summary>
    public string? Fault { get; private set; }

    /// <summary>Whether a part of a message has come that is not complete.</summary>
    public bool IsInTheMiddle => _boundary.HasStarted || _descriptors.Count > 0;

    /// <summary>What is missing from the message in the middle, for people.</summary>
    public string Missing => (_boundary.IsComplete, _descriptors.Count) switch
    {
        _ when _boundary.IsObject => "the request is incomplete",
        (true, 0) => "no descriptor came with the text",
        (false, 0) => _boundary.HasStarted ? "the text is incomplete and no descriptor came" : "nothing came",
        _ => _boundary.HasStarted ? "the text is incomplete" : "a descriptor came but no text",
    };

    /// <summary>Takes in what one receive brought.</summary>
    /// <param name="bytes">Its bytes.</param>
    /// <param name="descriptors">Its descriptors, owned by this from now on.</param>
    /// <param name="descriptorsLost">Whether there were more, which could not be received.</param>
    public void Append(ReadOnlySpan<byte> bytes, IReadOnlyList<SafeDescriptorHandle> descriptors, bool descriptorsLost = false)
    {
        int before = _descriptors.Count;
        _descriptors.AddRange(descriptors);
        if (_descriptors.Count > MaxDescriptors)
        {
            Fault ??= $"more than {MaxDescriptors} descriptors came";
        }
        else if (descriptorsLost)
        {
            Fault ??= "a descriptor that came was lost, because the daemon has too many open (raise the limit with: ulimit -n 65536)";
        }

        if (Fault is not null)
        {
            return;
        }

        if (_boundary.IsComplete)
        {
            Behind(bytes);
            return;
        }

        int taken = _boundary.Advance(bytes, out string? fault);
        Fault = fault;
        if (_text.WrittenCount + taken > MaxTextBytes)
        {
            Fault ??= $"the text is longer than {MaxTextBytes} bytes";
            return;
        }

        if (_boundary.IsObject && _text.WrittenCount + taken > MaxRequestBytes)
        {
            Fault ??= $"the request is longer than {MaxRequestBytes} bytes";
            return;
        }

        _text.Write(bytes[..taken]);
        if (Fault is null && taken < bytes.Length)
        {
            // A receive ends with the bytes that its descriptors came with. Where it reaches into the next message, they are that one's,
            // unless this one has none yet.
            _ofNext = before > 0 && bytes[taken..].ContainsAnyExcept(" \t\r\n"u8) ? descriptors.Count : 0;
            Behind(bytes[taken..]);
        }
    }

    /// <summary>Takes the next request if that is what comes next and all of it has come.</summary>
    public byte[]? TryTakeRequest()
    {
        if (Fault is not null || !_boundary.IsComplete || !_boundary.IsObject)
        {
            return null;
        }

        byte[] request = _text.WrittenSpan.ToArray();
        BeginNext();
        return request;
    }

    /// <summary>Takes the next hand-over if that is what comes next and all of it has come.</summary>
    public HandshakeMessage? TryTake()
    {
        if (Fault is not null || !_boundary.IsComplete || _boundary.IsObject || _descriptors.Count == 0)
        {
            return null;
        }

        IReadOnlyList<RegionDescription> regions = RegionDescription.Parse(_text.WrittenSpan, out string? fault);
        if (fault is not null)
        {
            Fault = fault;
            return null;
        }

        int own = _descriptors.Count - _ofNext;
        var message = new HandshakeMessage(regions, _descriptors[..own]);
        _descriptors.RemoveRange(0, own);
        BeginNext();
        return message;
    }

    /// <summary>Takes what descriptors there are although their message is not complete: they must not simply be closed.</summary>
    public IReadOnlyList<SafeDescriptorHandle> TakeDescriptors()
    {
        SafeDescriptorHandle[] taken = [.. _descriptors];
        _descriptors.Clear();
        return taken;
    }

    /// <summary>Closes the descriptors that nobody took.</summary>
    public void Dispose()
    {
        foreach (SafeDescriptorHandle descriptor in _descriptors)
        {
            descriptor.Dispose();
        }

        _descriptors.Clear();
    }

    private void BeginNext()
    {
        _ofNext = 0;
        _text = new ArrayBufferWriter<byte>(); // not kept: a client is served for long, and may have sent a long text
        _boundary.Reset();
        if (_behind.WrittenCount > 0)
        {
            ArrayBufferWriter<byte> behind = _behind;
            _behind = new ArrayBufferWriter<byte>();
            Append(behind.WrittenSpan, []);
        }
    }

    private void Behind(ReadOnlySpan<byte> bytes)
    {
        if (_behind.WrittenCount + bytes.Length > MaxTextBytes)
        {
            Fault ??= $"the text is longer than {MaxTextBytes} bytes";
            return;
        }

        _behind.Write(bytes);
    }
}
