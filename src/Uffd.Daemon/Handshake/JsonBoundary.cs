namespace Uffd.Daemon;

/// <summary>
/// Finds where a JSON array or object that arrives in pieces ends, looking at each byte once: the text has neither a length nor a
/// terminator on the wire. It only tells the boundary; whether the text is well-formed is for the parser.
/// </summary>
internal sealed class JsonBoundary
{
    private const int MaxDepth = 16;

    private int _depth;
    private bool _inString;
    private bool _escaped;

    /// <summary>Whether anything but white space was seen.</summary>
    public bool HasStarted { get; private set; }

    /// <summary>Whether it is an object, as far as its first byte tells: a request, and no hand-over.</summary>
    public bool IsObject { get; private set; }

    /// <summary>Whether the array or object has closed.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Looks at more bytes.</summary>
    /// <param name="bytes">What follows what was looked at before.</param>
    /// <param name="fault">One line that says why this is neither a JSON array nor an object, or null.</param>
    /// <returns>How many bytes belong to it: fewer than given when it closes among them.</returns>
    public int Advance(ReadOnlySpan<byte> bytes, out string? fault)
    {
        fault = null;
        for (int index = 0; index < bytes.Length; index++)
        {
            byte value = bytes[index];
            if (_inString)
            {
                AdvanceString(value);
                continue;
            }

            switch (value)
            {
                case (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n':
                    continue;
                case (byte)'[' or (byte)'{':
                    _depth++;
                    break;
                case (byte)']' or (byte)'}':
                    _depth--;
                    break;
                case (byte)'"':
                    _inString = true;
                    break;
                default:
                    break;
            }

            if (!HasStarted && value is not ((byte)'[' or (byte)'{'))
            {
                fault = $"the text does not begin with '[' or '{{' but with byte 0x{value:x2}";
                return index;
            }

            IsObject = HasStarted ? IsObject : value == (byte)'{';
            HasStarted = true;
            if (_depth > MaxDepth)
            {
                fault = $"the text is nested more than {MaxDepth} deep";
                return index;
            }

            if (_depth <= 0)
            {
                IsComplete = true;
                return index + 1;
            }
        }

        return bytes.Length;
    }

    /// <summary>Begins anew, for the next text.</summary>
    public void Reset()
    {
        _depth = 0;
        _inString = false;
        _escaped = false;
        HasStarted = false;
        IsObject = false;
        IsComplete = false;
    }

    private void AdvanceString(byte value)
    {
        if (_escaped)
        {
            _escaped = false;
        }
        else if (value == (byte)'\\')
        {
            _escaped = true;
        }
        else if (value == (byte)'"')
        {
            _inString = false;
        }
    }
}
