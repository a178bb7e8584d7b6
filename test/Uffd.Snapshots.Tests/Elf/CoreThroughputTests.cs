using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>How much longer a core takes than the plainest way to write its bytes. A measurement, run by its name: nothing else should run beside it.</summary>
public sealed class CoreThroughputTests(ITestOutputHelper output) : IDisposable
{
    private const ulong Base = 0x5500_0000_0000;
    private const int PieceLength = 4 << 20;
    private const int Pieces = 64;
    private const int Rounds = 5;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact(Explicit = true)]
    public void Core_beside_a_plain_copy()
    {
        byte[] piece = GC.AllocateArray<byte>(PieceLength, pinned: true);
        new Random(3).NextBytes(piece);
        double[] ratios = new double[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            TimeSpan plain = Plain(piece);
            TimeSpan core = Core(piece);
            ratios[round] = core / plain;
            output.WriteLine($"plain {Rate(plain):F0} MB/s, core {Rate(core):F0} MB/s, {ratios[round]:F3} times as long");
        }

        Array.Sort(ratios);
        output.WriteLine($"median {ratios[Rounds / 2]:F3}");
    }

    private static double Rate(TimeSpan time) => (double)PieceLength * Pieces / 1e6 / time.TotalSeconds;

    private TimeSpan Plain(byte[] piece)
    {
        string path = _folder.File("plain");
        File.Delete(path);
        using SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        long started = Stopwatch.GetTimestamp();
        for (int index = 0; index < Pieces; index++)
        {
            RandomAccess.Write(file, piece, (long)index * PieceLength);
        }

        return Stopwatch.GetElapsedTime(started);
    }

    private TimeSpan Core(byte[] piece)
    {
        using ElfCoreWriter writer = Regions.Writer(_folder.File("core"));
        long started = Stopwatch.GetTimestamp();
        for (int index = 0; index < Pieces; index++)
        {
            writer.Write(Base + ((ulong)index * PieceLength), piece);
        }

        return Stopwatch.GetElapsedTime(started);
    }
}
