namespace Uffd.Migration;

/// <summary>A landing cannot keep what came: another connection would not help.</summary>
internal sealed class LandingException(Exception cause) : Exception(cause.Message, cause);
