using System.Diagnostics;
using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>
/// Decides whether compressing is quicker than sending as it is, by measuring both: how long writes of the connection take for a byte, and how long compressing does and what is left then.
/// Of one thread.
/// </summary>
internal sealed class SendCompression : IDisposable
{
    private const int Level = 1;
    private const int ProbeEvery = 64; // frames: compressing one in so many costs a few percent, and finds out when things have changed
    private const double Keep = 0.75;

    private readonly MigrationCompression _mode;
    private byte[]? _room;
    private ZstdCompressor? _compressor;
    private double _sendTicks;     // for a byte on the wire
    private double _compressTicks; // for a byte of pages
    private double _left = 1;      // of a byte of pages
    private int _frame;

    public SendCompression(MigrationCompression mode) => _mode = mode;

    /// <summary>Whether both sides have the library, and it is wanted.</summary>
    public bool IsPossible { get; set; }

    /// <summary>Compresses, where it seems to pay.</summary>
    /// <returns>What to send in place of the pages; empty when they go as they are.</returns>
    public ReadOnlySpan<byte> Compress(ReadOnlySpan<byte> pages)
    {
        if (!IsPossible || _mode == MigrationCompression.Never || pages.IsEmpty || !(Pays() || _frame++ % ProbeEvery == 0))
        {
            return [];
        }

        _compressor ??= new ZstdCompressor(Level);
        _room ??= new byte[FrameHeader.MaxDataBytes];
        long start = Stopwatch.GetTimestamp();
        int length = _compressor.Compress(pages, _room.AsSpan(0, pages.Length - 1));
        Learn(ref _compressTicks, (Stopwatch.GetTimestamp() - start) / (double)pages.Length);
        Learn(ref _left, length == 0 ? 1 : length / (double)pages.Length);
        return _room.AsSpan(0, length);
    }

    /// <summary>A frame went out.</summary>
    public void Sent(int bytes, long ticks) => Learn(ref _sendTicks, ticks / (double)bytes);

    public void Dispose() => _compressor?.Dispose();

    private static void Learn(ref double value, double sample) => value = value == 0 ? sample : (Keep * value) + ((1 - Keep) * sample);

    private bool Pays() => _mode == MigrationCompression.Always || (_compressTicks > 0 && _compressTicks + (_left * _sendTicks) < 0.9 * _sendTicks);
}
