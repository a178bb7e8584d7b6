namespace VectorSearch;

/// <summary>The k vectors with the largest dot products so far; of equal ones the first.</summary>
internal sealed class Nearest(int k)
{
    private readonly PriorityQueue<long, (float Score, long Later)> _queue = new();
    private float _least = float.NegativeInfinity;

    /// <summary>The numbers of the vectors, the best first.</summary>
    public IReadOnlyList<long> Ids => [.. _queue.UnorderedItems.OrderByDescending(item => item.Priority).Select(item => item.Element)];

    public void Add(long id, float score)
    {
        if (_queue.Count < k)
        {
            _queue.Enqueue(id, (score, -id));
        }
        else if (score > _least)
        {
            _queue.EnqueueDequeue(id, (score, -id));
        }
        else
        {
            return;
        }

        if (_queue.Count == k && _queue.TryPeek(out _, out (float Score, long Later) least))
        {
            _least = least.Score;
        }
    }
}
