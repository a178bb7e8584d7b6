namespace Uffd.Migration;

/// <summary>What a side does with frames.</summary>
internal interface IFrameHandler
{
    /// <summary>Takes a frame, on the thread that reads its stream. Its data must be read or skipped.</summary>
    /// <exception cref="IOException">The link is to be given up for it.</exception>
    void Handle(WireLink link, int stream, in FrameHeader header, ReadOnlySpan<byte> head, FrameReader reader);

    /// <summary>The link is broken; told once, on any thread. Nothing that it handles comes after <see cref="WireLink.Join"/>.</summary>
    void Broke(WireLink link, Exception reason);
}
