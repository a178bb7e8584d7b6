namespace Uffd.Paging;

/// <summary>
/// Both headers of a journal. The current one is durable and tells all that counts; what changes is written over the other one, so
/// that there is one to go by at every instant.
/// </summary>
internal sealed class JournalHeaders
{
    private readonly IJournalFile _file;
    private readonly ulong _storeLength;
    private readonly Guid _storeIdentity;
    private readonly byte[] _block = new byte[JournalLayout.BlockBytes];
    private int _current;
    private ulong _sequence;

    private JournalHeaders(IJournalFile file, ulong storeLength, Guid storeIdentity)
        => (_file, _storeLength, _storeIdentity) = (file, storeLength, storeIdentity);

    /// <summary>The state that counts.</summary>
    public JournalState State { get; private set; }

    /// <summary>The commit of that state.</summary>
    public JournalRecordPlace Record { get; private set; }

    /// <summary>Whether the other header is damaged, or of a commit that never came about.</summary>
    public bool OtherMisleads { get; private set; }

    /// <summary>Writes the headers of a journal in which nothing is.</summary>
    public static void Format(IJournalFile file, ulong storeLength, Guid storeIdentity)
    {
        var headers = new JournalHeaders(file, storeLength, storeIdentity);
        headers.WriteCurrent(JournalState.Empty, default);
        headers.WriteOther(JournalState.Empty, default);
    }

    /// <summary>Reads the headers of a journal.</summary>
    /// <exception cref="InvalidDataException">It is none, damaged, or another store's.</exception>
    public static JournalHeaders Load(IJournalFile file, ulong storeLength, Guid storeIdentity)
    {
        var headers = new JournalHeaders(file, storeLength, storeIdentity);
        JournalHeader?[] found = [headers.TryRead(0), headers.TryRead(1)];
        if (found is [null, null])
        {
            throw new InvalidDataException($"{file.Name} is no journal, or its headers are damaged: delete it only if the store was flushed or disposed well, for its pages may be a mix otherwise");
        }

        int newest = found[1] is null || found[0]?.Sequence > found[1]!.Sequence ? 0 : 1;
        JournalHeader chosen = found[newest]!;
        JournalHeader? other = found[1 - newest];
        headers._sequence = chosen.Sequence;

        // Prepared counts only where the other header was damaged, and it is that only when the commit was there to be told of.
        if (chosen.State == JournalState.Prepared && other is not null)
        {
            newest = 1 - newest;
            (chosen, other) = (other, chosen);
        }

        headers.RequireOurs(chosen);
        headers._current = newest;
        (headers.State, headers.Record) = (chosen.State, chosen.Record);
        headers.OtherMisleads = other is null or { State: JournalState.Prepared };
        return headers;
    }

    /// <summary>Writes over the current header, when what it says is not known to be durable or is still true.</summary>
    /// <exception cref="IOException">It is unknown what is there.</exception>
    public void WriteCurrent(JournalState state, JournalRecordPlace record) => Write(_current, state, record);

    /// <summary>Writes over the other header.</summary>
    /// <exception cref="IOException">It is unknown what is there; the current one counts.</exception>
    public void WriteOther(JournalState state, JournalRecordPlace record) => Write(1 - _current, state, record);

    /// <summary>The other header is durable, and counts from now on.</summary>
    public void Switch() => _current = 1 - _current;

    private void Write(int copy, JournalState state, JournalRecordPlace record)
    {
        new JournalHeader(_storeLength, _storeIdentity, ++_sequence, state, record).Encode(_block);
        _file.Write((ulong)copy * JournalLayout.BlockBytes, _block);
    }

    private JournalHeader? TryRead(int copy)
        => _file.Read((ulong)copy * JournalLayout.BlockBytes, _block) == _block.Length ? JournalHeader.TryDecode(_block, _file.Name) : null;

    private void RequireOurs(JournalHeader header)
    {
        if (header.StoreLength != _storeLength)
        {
            throw new InvalidDataException($"the journal {_file.Name} belongs to a store of {header.StoreLength} bytes, and this one has {_storeLength}: name the store's own journal, or a file that is not there yet");
        }

        if (header.StoreIdentity != _storeIdentity)
        {
            throw new InvalidDataException($"the journal {_file.Name} belongs to the store {header.StoreIdentity}, and this one is {_storeIdentity}: name the store's own journal, or a file that is not there yet");
        }
    }
}
