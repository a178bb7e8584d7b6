namespace Uffd.Migration;

/// <summary>The other side has ended the migration, and said why.</summary>
internal sealed class PeerException(string message, bool isNotStarted) : IOException(message)
{
    /// <summary>The most bytes of the reason.</summary>
    public const int MaxReasonBytes = 250;

    /// <summary>Whether it is the destination, which says that the workload does not run there and never did.</summary>
    public bool IsNotStarted { get; } = isNotStarted;

    public static void Write(FrameWriter to, string reason, bool isNotStarted)
        => to.Write(FrameType.Error, new HeadWriter().Byte(isNotStarted ? (byte)1 : (byte)0).Text(reason, MaxReasonBytes).Written);

    public static PeerException Read(ReadOnlySpan<byte> head)
    {
        var reader = new HeadReader(head);
        bool isNotStarted = reader.Byte() == 1;
        string reason = reader.Text(MaxReasonBytes);
        reader.End();
        return new PeerException(reason, isNotStarted);
    }
}
