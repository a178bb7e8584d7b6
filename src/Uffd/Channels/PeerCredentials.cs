namespace Uffd;

/// <summary>Who is on the other end of a Unix socket, as the kernel knows it (SO_PEERCRED, unix(7)).</summary>
/// <param name="ProcessId">The process that connected, listened or made the pair.</param>
/// <param name="UserId">Its effective user at that time.</param>
/// <param name="GroupId">Its effective group at that time.</param>
public readonly record struct PeerCredentials(int ProcessId, uint UserId, uint GroupId)
{
    /// <summary>The effective user of this process.</summary>
    public static uint OwnUserId => Interop.LibC.GetEUid();
}
