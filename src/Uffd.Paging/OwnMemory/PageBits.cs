namespace Uffd.Paging;

/// <summary>
/// The bits of a page's state. <see cref="Ready"/> is all that a hit looks at (and <see cref="Dirty"/>, to write); without it the
/// low bits say why an access must look closer.
/// </summary>
internal static class PageBits
{
    /// <summary>There, and touched not long ago: an access goes ahead.</summary>
    public const byte Ready = 0x80;

    /// <summary>May have been written since it was last saved. Set before the first write; write-protection tells whether it was.</summary>
    public const byte Dirty = 0x40;

    /// <summary>A copy of it is on its way to the store: it must stay until that has arrived.</summary>
    public const byte Saving = 0x20;

    /// <summary>Somebody waits for the state to change, and must be told.</summary>
    public const byte Waited = 0x10;

    /// <summary>It went not long ago without having been touched twice. If it comes again now, it is one to keep.</summary>
    public const byte Ghost = 0x08;

    /// <summary>The low bits: the kind of a page that is not <see cref="Ready"/>.</summary>
    public const byte Kind = 0x07;

    /// <summary>In the store only.</summary>
    public const byte Absent = 0;

    /// <summary>On its way in; whoever claimed it brings it.</summary>
    public const byte Filling = 1;

    /// <summary>There, not touched since it was last looked at. The next access makes it ready again.</summary>
    public const byte Idle = 2;

    /// <summary>Chosen to go. Nobody enters any more; who was in already keeps it.</summary>
    public const byte Evicting = 3;

    /// <summary>Being copied to be saved: for a moment nobody enters.</summary>
    public const byte Held = 4;

    /// <summary>There, and the first access to it asks for what lies ahead.</summary>
    public const byte Marker = 5;

    /// <summary>Whether it can be entered as it is, or by one atomic step.</summary>
    public static bool IsHere(byte state) => (state & Ready) != 0 || (state & Kind) is Idle or Marker;
}
