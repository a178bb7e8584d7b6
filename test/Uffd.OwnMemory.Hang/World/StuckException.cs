namespace Uffd.OwnMemory.Hang;

/// <summary>Some thread or task does not come back, though the runtime itself goes on.</summary>
internal sealed class StuckException(string message) : Exception(message);
