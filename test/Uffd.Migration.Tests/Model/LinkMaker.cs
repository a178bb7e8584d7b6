using Uffd.Migration.Tests.Support;

namespace Uffd.Migration.Tests.Model;

/// <summary>A connection of a scene, with what it does on purpose.</summary>
/// <param name="Source">The source's end.</param>
/// <param name="Destination">The other.</param>
/// <param name="Broken">Completes when either side has closed any of it, or it broke.</param>
/// <param name="Closed">Completes when both sides have closed all of it.</param>
/// <param name="Streams">The source's streams, to see how far they are.</param>
internal sealed record SceneLink(MigrationLink Source, MigrationLink Destination, Task Broken, Task Closed, IReadOnlyList<FaultyStream> Streams)
{
    public IReadOnlyList<(long Read, long Written)> Traffic => [.. Streams.Select(static stream => (stream.Reads.Bytes, stream.Writes.Bytes))];
}

/// <summary>Makes the connections of a scene, one after the other.</summary>
/// <param name="plan">What they are like.</param>
internal sealed class LinkMaker(MigrationPlan plan)
{
    private readonly Guid _session = Guid.NewGuid();
    private readonly Random _random = new(plan.Seed);
    private readonly List<SceneLink> _made = [];

    public IReadOnlyList<SceneLink> Made => _made;

    /// <summary>What the plan has for the next one; null where it has no more, and it is a good one.</summary>
    public LinkPlan? Upcoming => _made.Count < plan.Links.Count ? plan.Links[_made.Count] : null;

    public SceneLink Next()
    {
        LinkPlan? planned = Upcoming;
        var sources = new List<FaultyStream>();
        var destinations = new List<DuplexPipe>();
        var closed = new List<Task>();
        for (int index = 0; index < plan.Streams; index++)
        {
            (DuplexPipe source, DuplexPipe destination) = DuplexPipe.Create(plan.Capacity);
            (Fault[] reads, Fault[] writes) = planned?.Streams[index] ?? ([], []);
            sources.Add(new FaultyStream(source, new FaultTrack(reads, Pieces()), new FaultTrack(writes, Pieces())));
            destinations.Add(destination);
            closed.AddRange([source.Closed, destination.Closed]);
        }

        var link = new SceneLink(new MigrationLink(_session, sources), new MigrationLink(_session, destinations), Task.WhenAny(closed), Task.WhenAll(closed), sources);
        _made.Add(link);
        return link;
    }

    private Random? Pieces() => plan.InPieces ? new Random(_random.Next()) : null;
}
