namespace Uffd.Migration;

/// <summary>
/// Threads that move what nobody waits for give way to those that move what somebody does. These sleep most of the time; without this each of them would wait for a turn of
/// the busy ones whenever it wakes up, several times for one fault. Not for threads that run other people's code: what these start, the thread pool's among them, would give way for ever.
/// </summary>
internal static class Background
{
    private const int Niceness = 5;

    /// <summary>The calling thread is one of them, for as long as it lives.</summary>
    public static void Enter() => CurrentThread.TrySetNiceness(Niceness);
}
