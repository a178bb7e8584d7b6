using System.Runtime.InteropServices;

namespace Uffd.Paging.OwnMemory.Tests.Model;

/// <summary>
/// One of the threads of the model. The bytes it owns lie between those of the others, in short pieces, so that every page is shared and no
/// byte is; it knows what each of its bytes must be, and looks at each it reads.
/// </summary>
internal sealed class ModelThread
{
    private readonly PagedRegion _region;
    private readonly ModelOptions _options;
    private readonly int _index;
    private readonly Random _random;
    private readonly byte[] _buffer = new byte[40 * 4096];
    private readonly List<Held> _held = [];
    private int _stamp;

    public ModelThread(PagedRegion region, ModelOptions options, int index)
    {
        _region = region;
        _options = options;
        _index = index;
        _random = new Random(unchecked((options.Seed * 1000) + index));
        Known = new byte[region.Length];
    }

    /// <summary>What the region must hold, where this thread owns it.</summary>
    public byte[] Known { get; }

    public long Done { get; private set; }

    private int PieceBytes => _options.PieceBytes;

    private PagedMemory Memory => _region.Memory;

    public void Step()
    {
        Done++;
        int kind = _random.Next(1000);
        switch (kind)
        {
            case < 330:
                ReadValue();
                break;
            case < 700:
                WriteValue();
                break;
            case < 780:
                CopyOut(isAsync: false);
                break;
            case < 850:
                CopyIn(isAsync: false);
                break;
            case < 870:
                CopyOut(isAsync: true);
                break;
            case < 890:
                CopyIn(isAsync: true);
                break;
            case < 980:
                Lease();
                break;
            default:
                UseHeld();
                break;
        }
    }

    public void Drop()
    {
        foreach (Held held in _held)
        {
            held.Check(this);
            held.Lease.Dispose();
        }

        _held.Clear();
    }

    /// <summary>Whether a byte is this thread's.</summary>
    public bool Owns(long at) => (at / PieceBytes % _options.Threads) == _index;

    private void ReadValue()
    {
        long at = Piece() + _random.Next(PieceBytes - 8);
        switch (_random.Next(4))
        {
            case 0:
                Compare(at, [Memory.Read<byte>(at)]);
                break;
            case 1:
                ushort two = Memory.Read<ushort>(at);
                Compare(at, MemoryMarshal.AsBytes(new ReadOnlySpan<ushort>(in two)));
                break;
            case 2:
                ulong eight = Memory.Read<ulong>(at);
                Compare(at, MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in eight)));
                break;
            default:
                // Whatever the others have around it.
                at = Math.Clamp(at - 100, 0, _region.Length - 256);
                Wide wide = _random.Next(2) == 0 ? Memory.Read<Wide>(at) : Wait(Memory.ReadAsync<Wide>(at));
                Compare(at, MemoryMarshal.AsBytes(new ReadOnlySpan<Wide>(in wide)));
                break;
        }
    }

    private void WriteValue()
    {
        long at = Piece() + _random.Next(PieceBytes - 8);
        ulong value = unchecked((ulong)_random.NextInt64());
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<ulong>(ref value));
        switch (_random.Next(4))
        {
            case 0:
                Memory.Write(at, bytes[0]);
                Know(at, bytes[..1]);
                break;
            case 1:
                Memory.Write(at, MemoryMarshal.Read<ushort>(bytes));
                Know(at, bytes[..2]);
                break;
            case 2:
                Memory.Write(at, value);
                Know(at, bytes);
                break;
            default:
                Wait(Memory.WriteAsync(at, value));
                Know(at, bytes);
                break;
        }
    }

    private void CopyOut(bool isAsync)
    {
        int length = Length();
        long at = _random.NextInt64(_region.Length - length + 1);
        if (isAsync)
        {
            Wait(Memory.CopyToAsync(at, _buffer.AsMemory(0, length)));
        }
        else
        {
            Memory.CopyTo(at, _buffer.AsSpan(0, length));
        }

        Compare(at, _buffer.AsSpan(0, length));
    }

    /// <summary>Only its own bytes, a piece or a part of it: what lies between is somebody else's at this moment.</summary>
    private void CopyIn(bool isAsync)
    {
        int from = _random.Next(2) == 0 ? 0 : _random.Next(PieceBytes);
        int length = _random.Next(1, PieceBytes - from + 1);
        long at = Piece() + from;
        _random.NextBytes(_buffer.AsSpan(0, length));
        if (isAsync)
        {
            Wait(Memory.CopyFromAsync(at, _buffer.AsMemory(0, length)));
        }
        else
        {
            Memory.CopyFrom(at, _buffer.AsSpan(0, length));
        }

        Know(at, _buffer.AsSpan(0, length));
    }

    private void Lease()
    {
        if (_held.Count >= 3)
        {
            Held first = _held[0];
            _held.RemoveAt(0);
            first.Check(this);
            first.Lease.Dispose();
            return;
        }

        int length = _random.Next(10) == 0 ? _random.Next(1, 4 * 4096) : _random.Next(1, 200);
        long at = _random.NextInt64(_region.Length - length + 1);
        PageAccess access = _random.Next(2) == 0 ? PageAccess.Read : PageAccess.Write;
        PageLease lease = _random.Next(2) == 0 ? Memory.Lease(at, length, access) : Wait(Memory.LeaseAsync(at, length, access));
        var held = new Held(lease, at, access);
        held.Check(this);
        if (access == PageAccess.Write)
        {
            Fill(held);
        }

        _held.Add(held);
    }

    private void UseHeld()
    {
        if (_held.Count > 0)
        {
            Held held = _held[_random.Next(_held.Count)];
            held.Check(this);
            if (held.Access == PageAccess.Write)
            {
                Fill(held);
            }
        }
    }

    private void Fill(Held held)
    {
        Span<byte> span = held.Lease.Span;
        byte value = unchecked((byte)++_stamp);
        for (int index = 0; index < span.Length; index++)
        {
            if (Owns(held.At + index))
            {
                span[index] = value;
                Known[held.At + index] = value;
            }
        }
    }

    /// <summary>The first byte of one of its pieces; some pages are touched more than others.</summary>
    private long Piece()
    {
        long pieces = (_region.Length / PieceBytes / _options.Threads) - 1;
        long piece = _random.Next(3) > 0 ? _random.NextInt64(pieces) : _random.NextInt64((pieces / 40) + 1);
        return ((piece * _options.Threads) + _index) * PieceBytes;
    }

    private int Length() => _random.Next(20) switch
    {
        0 => _random.Next(1, _buffer.Length),
        < 5 => _random.Next(1, 3 * 4096),
        _ => _random.Next(1, 300),
    };

    private void Know(long at, ReadOnlySpan<byte> bytes) => bytes.CopyTo(Known.AsSpan((int)at));

    private void Compare(long at, ReadOnlySpan<byte> found)
    {
        for (int index = 0; index < found.Length; index++)
        {
            if (!Owns(at + index))
            {
                index += PieceBytes - (int)((at + index) % PieceBytes) - 1; // to the end of somebody else's piece
            }
            else if (found[index] != Known[at + index])
            {
                throw new ModelException($"thread {_index}, operation {Done}: the byte at {at + index} (page {(at + index) / 4096}) is {found[index]:x2} and must be {Known[at + index]:x2}");
            }
        }
    }

    private static T Wait<T>(ValueTask<T> task) => task.IsCompletedSuccessfully ? task.Result : task.AsTask().Soon().GetAwaiter().GetResult();

    private static void Wait(ValueTask task)
    {
        if (!task.IsCompletedSuccessfully)
        {
            task.AsTask().Soon().GetAwaiter().GetResult();
        }
    }

    private sealed record Held(PageLease Lease, long At, PageAccess Access)
    {
        public void Check(ModelThread thread) => thread.Compare(At, Lease.ReadOnlySpan);
    }

    [System.Runtime.CompilerServices.InlineArray(256)]
    private struct Wide
    {
        private byte _first;
    }
}
