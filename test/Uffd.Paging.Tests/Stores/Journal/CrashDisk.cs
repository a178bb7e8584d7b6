namespace Uffd.Paging.Tests.Stores;

/// <summary>There is no power any more. Not an <see cref="IOException"/>: nobody may handle it.</summary>
internal sealed class PowerLostException : Exception;

/// <summary>
/// A disk with files that lose what was not synced. At an operation of one's choice the power goes, in the middle of it; or it fails
/// once, in the middle as well, and the system takes what was not written for written, as Linux does.
/// </summary>
internal sealed class CrashDisk
{
    private const int Sector = 512;

    /// <summary>How many operations there were.</summary>
    public int Operations { get; private set; }

    /// <summary>The number of the operation, from 0, at which the power goes; -1 for never.</summary>
    public int LosesPowerAt { get; init; } = -1;

    /// <summary>The number of the operation, from 0, which fails; -1 for none.</summary>
    public int FailsAt { get; init; } = -1;

    /// <summary>Whether syncs do nothing: for the control.</summary>
    public bool Lies { get; init; }

    /// <summary>Decides what is lost.</summary>
    public Random Random { get; init; } = new(1);

    /// <summary>Which share of what was not synced is lost with the power, of each sector by itself.</summary>
    public double Loss { get; init; } = 0.5;

    public CrashFile Create(string name, byte[] content) => new(this, name, content);

    /// <summary>An operation begins. True when it is done by half and then fails.</summary>
    private bool Begin()
    {
        int number = Operations++;
        return LosesPowerAt >= 0 && number > LosesPowerAt ? throw new PowerLostException() : number == LosesPowerAt || number == FailsAt;
    }

    private Exception Failure() => Operations - 1 == LosesPowerAt ? new PowerLostException() : new IOException("it fails on purpose");

    /// <summary>A file of the disk.</summary>
    internal sealed class CrashFile(CrashDisk disk, string name, byte[] content) : IJournalFile
    {
        private readonly List<(int Offset, byte[]? Bytes)> _unsynced = []; // null bytes: cut there
        private byte[] _durable = content;
        private byte[] _seen = [.. content];

        public string Name => name;

        public ulong Length => (ulong)_seen.Length;

        /// <summary>What a reader sees now.</summary>
        public byte[] Seen => _seen;

        public int Read(ulong offset, Span<byte> destination)
        {
            int count = offset >= Length ? 0 : Math.Min(destination.Length, _seen.Length - (int)offset);
            _seen.AsSpan((int)Math.Min(offset, Length), count).CopyTo(destination);
            return count;
        }

        public void Write(ulong offset, ReadOnlySpan<byte> source)
        {
            bool fails = disk.Begin();
            byte[] bytes = source[..(fails ? source.Length / 2 : source.Length)].ToArray();
            _unsynced.Add(((int)offset, bytes));
            _seen = Put(_seen, (int)offset, bytes, 0, bytes.Length);
            if (fails)
            {
                throw disk.Failure();
            }
        }

        public void Truncate(ulong length)
        {
            if (disk.Begin())
            {
                throw disk.Failure();
            }

            _unsynced.Add(((int)length, null));
            Array.Resize(ref _seen, (int)length);
        }

        public void Sync()
        {
            if (disk.Begin())
            {
                _durable = AfterLoss(); // the rest is taken for written
                _unsynced.Clear();
                throw disk.Failure();
            }

            if (!disk.Lies)
            {
                _durable = Flushed();
                _unsynced.Clear();
            }
        }

        /// <summary>What is left when the power goes now.</summary>
        public byte[] AfterLoss()
        {
            byte[] left = [.. _durable];
            foreach ((int offset, byte[]? bytes) in _unsynced)
            {
                if (bytes is null)
                {
                    Array.Resize(ref left, disk.Random.NextDouble() < disk.Loss ? left.Length : offset);
                    continue;
                }

                for (int at = 0; at < bytes.Length; at += Sector)
                {
                    if (disk.Random.NextDouble() >= disk.Loss)
                    {
                        left = Put(left, offset, bytes, at, Math.Min(Sector, bytes.Length - at));
                    }
                }
            }

            return left;
        }

        public void Dispose()
        {
        }

        /// <summary>What was written and is not yet durable, on top of what is: not what was lost by a sync that failed.</summary>
        private byte[] Flushed()
        {
            byte[] flushed = [.. _durable];
            foreach ((int offset, byte[]? bytes) in _unsynced)
            {
                if (bytes is null)
                {
                    Array.Resize(ref flushed, offset);
                }
                else
                {
                    flushed = Put(flushed, offset, bytes, 0, bytes.Length);
                }
            }

            return flushed;
        }

        private static byte[] Put(byte[] file, int offset, byte[] bytes, int from, int count)
        {
            if (file.Length < offset + from + count)
            {
                Array.Resize(ref file, offset + from + count);
            }

            bytes.AsSpan(from, count).CopyTo(file.AsSpan(offset + from));
            return file;
        }
    }
}

/// <summary>A store in a file of such a disk.</summary>
internal sealed class CrashStore(CrashDisk.CrashFile file) : IPageStore
{
    public ulong Length => file.Length;

    public void Read(ulong offset, Span<byte> destination) => destination[file.Read(offset, destination)..].Clear();

    public void Write(ulong offset, ReadOnlySpan<byte> source) => file.Write(offset, source[..this.AvailableAt(offset, source.Length)]);

    public void Flush() => file.Sync();

    public void Dispose()
    {
    }
}
