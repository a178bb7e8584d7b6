using System.Collections.Concurrent;

namespace Uffd.Migration.Tests.Support;

/// <summary>What somebody did that a contract forbids: told at the end, because whoever is told at once may hide it.</summary>
internal sealed class Violations
{
    private const int Most = 20;
    private readonly ConcurrentQueue<string> _all = new();

    public IReadOnlyCollection<string> All => _all;

    public void Add(string violation)
    {
        if (_all.Count < Most)
        {
            _all.Enqueue(violation);
        }
    }
}
