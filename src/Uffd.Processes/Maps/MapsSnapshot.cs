using Uffd.Abi;

namespace Uffd.Processes;

/// <summary>
/// Tells quickly whether a process's mappings are still what they were: the text of /proc/PID/maps is read into a buffer that was made before and compared
/// as bytes. The file is opened once; a read from its beginning makes the kernel write it anew (seq_file). It stays with the memory that the process had
/// then: after an exec, and when the process is gone, the text is empty.
/// </summary>
public sealed class MapsSnapshot : IDisposable
{
    private const int Smallest = 64 * 1024;

    private readonly SafeDescriptorHandle _file;
    private readonly string _path;
    private byte[] _before = new byte[Smallest];
    private byte[] _now = GC.AllocateUninitializedArray<byte>(Smallest);
    private int _beforeLength;
    private int _nowLength;

    private MapsSnapshot(SafeDescriptorHandle file, string path)
    {
        _file = file;
        _path = path;
    }

    /// <summary>The text that was read last, by either way.</summary>
    public ReadOnlySpan<byte> Raw => _now.AsSpan(0, _nowLength);

    /// <summary>Whether the text that <see cref="ReadRaw"/> read last is the one that <see cref="Read"/> read: no mapping came, went or changed.</summary>
    public bool SameAsBefore => Raw.SequenceEqual(_before.AsSpan(0, _beforeLength));

    /// <summary>Opens the mappings of a process.</summary>
    /// <param name="processId">Its id.</param>
    /// <exception cref="UffdException">ESRCH: no such process; EACCES: no ptrace rights over it.</exception>
    public static MapsSnapshot Open(int processId)
        => new(ProcFile.OpenOfMemory(processId, "maps", DescriptorAbi.O_RDONLY, out _), ProcFile.PathOf(processId, "maps"));

    /// <summary>
    /// Reads them, to be compared with later, and makes room for twice as much: what is read while the process stands should fit. May allocate: not for a stop.
    /// </summary>
    /// <exception cref="UffdException">They cannot be read.</exception>
    public void Read()
    {
        _nowLength = ProcFile.ReadAll(_file, ref _now, _path);
        int room = checked((int)Math.Min((2L * _nowLength) + Smallest, ProcFile.MaximumLength));
        if (_now.Length < room)
        {
            Array.Resize(ref _now, room);
        }

        if (_before.Length < _now.Length)
        {
            _before = new byte[_now.Length];
        }

        Raw.CopyTo(_before);
        _beforeLength = _nowLength;
    }

    /// <summary>Reads them into the buffer that is there. Allocates nothing: it is used while the process stands.</summary>
    /// <returns>False when they did not fit, or could not be read: then nothing is known, and <see cref="Read"/> makes room.</returns>
    public bool ReadRaw()
    {
        _nowLength = 0;
        while (_nowLength < _now.Length)
        {
            nint answer = ProcFile.ReadOnce(_file, _now.AsSpan(_nowLength), _nowLength);
            if (answer <= 0)
            {
                return answer == 0;
            }

            _nowLength += (int)answer;
        }

        return false;
    }

    /// <summary>What <see cref="Raw"/> says.</summary>
    /// <exception cref="InvalidDataException">It is no such text: <see cref="ReadRaw"/> did not reach the end.</exception>
    public MemoryMap Parse() => MemoryMap.ParseLive(Raw);

    /// <summary>Closes it.</summary>
    public void Dispose() => _file.Dispose();
}
