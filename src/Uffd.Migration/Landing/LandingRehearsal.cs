using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>
/// A small landing, switched once for nothing before the first one that counts: what the switch runs is compiled then, and does not have to be while a workload stands.
/// </summary>
internal static class LandingRehearsal
{
    private const ulong Length = 16 * WirePage.Bytes;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly Lazy<bool> Once = new(Run);

    /// <summary>Rehearses unless that has been done.</summary>
    public static void RunOnce() => _ = Once.Value;

    private static bool Run()
    {
        try
        {
            using var landing = MemoryLanding.CreateUnrehearsed(Length, new MemoryLandingOptions());
            landing.Write(0, new byte[4 * WirePage.Bytes]);
            landing.Write(WirePage.Bytes, new byte[2 * WirePage.Bytes]);
            landing.Clear(3 * WirePage.Bytes, WirePage.Bytes);
            landing.Switch(new SomePages());
            bool whole = landing.Completed.Wait(Patience);
            landing.Dispose();
            landing.Memory.Dispose();
            return whole;
        }
        catch (Exception)
        {
            return false; // the landing that counts has the same trouble, and tells of it
        }
    }

    /// <summary>Every other page is missing, and comes a little later.</summary>
    private sealed class SomePages : IMigratedPages
    {
        public ulong MissingBytes => Length / 2;

        public ulong Length => LandingRehearsal.Length;

        public int Concurrency => 4;

        public SourceRun GetRun(ulong offset, ulong length)
            => new(WirePage.Bytes, (offset / WirePage.Bytes) % 2 == 0 ? SourceRunKind.Data : SourceRunKind.Hole);

        public void Read(ulong offset, Span<byte> destination) => destination.Fill(1);

        public ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => ReadAsync(offset, destination, isAwaited: true, cancellation);

        public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, bool isAwaited, CancellationToken cancellation)
        {
            await Task.Yield();
            destination.Span.Fill(1);
        }

        public void Dispose()
        {
        }
    }
}
