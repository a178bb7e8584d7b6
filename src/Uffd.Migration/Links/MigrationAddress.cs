namespace Uffd.Migration;

/// <summary>Where a migration's other side is, or listens: <c>HOST:PORT</c>, <c>[::1]:PORT</c>, or <c>unix:PATH</c>.</summary>
/// <param name="Host">A name or an address; empty for a Unix socket. To listen: <c>*</c> for every address.</param>
/// <param name="Port">1 to 65535, or 0 to listen on any that is free.</param>
/// <param name="Path">The Unix socket's path, or null.</param>
public sealed record MigrationAddress(string Host, int Port, string? Path)
{
    /// <summary>Reads one.</summary>
    /// <param name="text">What was typed.</param>
    /// <param name="address">The address.</param>
    /// <returns>False when it is none.</returns>
    public static bool TryParse(string text, out MigrationAddress? address) => throw new NotSupportedException();
}
