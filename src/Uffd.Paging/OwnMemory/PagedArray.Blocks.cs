namespace Uffd.Paging;

/// <content>Going through all of it, some elements at a time.</content>
public sealed partial class PagedArray<T>
{
    /// <summary>
    /// Goes through it in order, in blocks of up to 64 KiB, each held by a lease until the next is asked for: for work that is done
    /// on spans, with vectors. A block must not be used after that.
    /// </summary>
    /// <example><c>foreach (ReadOnlySpan&lt;float&gt; block in array.Blocks()) { ... }</c></example>
    public ReadBlocks Blocks() => new(this);

    /// <summary>The same to write. Only blocks that are really written are saved.</summary>
    /// <exception cref="RegionReadOnlyException">From the enumeration: the region takes no writes.</exception>
    public WriteBlocks WritableBlocks() => new(this);

    /// <summary>
    /// Goes through its elements in order, by leases of up to 64 KiB. There is no <see cref="IEnumerable{T}"/>: an enumerator that nobody
    /// disposes would hold its lease for ever, and this one cannot outlive its loop.
    /// </summary>
    public Enumerator GetEnumerator() => new(this);

    /// <summary>What <see cref="Blocks"/> gives: to be used in a foreach.</summary>
    public ref struct ReadBlocks
    {
        private Cursor _cursor;

        internal ReadBlocks(PagedArray<T> array) => _cursor = new Cursor(array, PageAccess.Read);

        /// <summary>The block: valid until the next is asked for.</summary>
        public readonly ReadOnlySpan<T> Current => _cursor.Lease.ReadOnlySpan;

        /// <summary>Itself, for foreach.</summary>
        public readonly ReadBlocks GetEnumerator() => this;

        /// <summary>Gives the block back and takes the next; false behind the last.</summary>
        /// <exception cref="IOException">A page could not be read from the store.</exception>
        public bool MoveNext() => _cursor.MoveNext();

        /// <summary>Gives the block back.</summary>
        public readonly void Dispose() => _cursor.Lease.Dispose();
    }

    /// <summary>What <see cref="WritableBlocks"/> gives: to be used in a foreach.</summary>
    public ref struct WriteBlocks
    {
        private Cursor _cursor;

        internal WriteBlocks(PagedArray<T> array) => _cursor = new Cursor(array, PageAccess.Write);

        /// <summary>The block: valid until the next is asked for.</summary>
        public readonly Span<T> Current => _cursor.Lease.Span;

        /// <summary>Itself, for foreach.</summary>
        public readonly WriteBlocks GetEnumerator() => this;

        /// <summary>Gives the block back and takes the next; false behind the last.</summary>
        /// <exception cref="IOException">A page could not be read from the store, or the region takes no writes.</exception>
        public bool MoveNext() => _cursor.MoveNext();

        /// <summary>Gives the block back.</summary>
        public readonly void Dispose() => _cursor.Lease.Dispose();
    }

    /// <summary>Goes through the elements, for foreach.</summary>
    public ref struct Enumerator
    {
        private Cursor _cursor;
        private ReadOnlySpan<T> _block;
        private int _index;

        internal Enumerator(PagedArray<T> array) => _cursor = new Cursor(array, PageAccess.Read);

        /// <summary>The element.</summary>
        public readonly T Current => _block[_index];

        /// <summary>Goes to the next; false behind the last.</summary>
        /// <exception cref="IOException">A page could not be read from the store.</exception>
        public bool MoveNext()
        {
            if (_index + 1 < _block.Length)
            {
                _index++;
                return true;
            }

            _block = default; // its lease goes now
            _index = 0;
            if (!_cursor.MoveNext())
            {
                return false;
            }

            _block = _cursor.Lease.ReadOnlySpan;
            return true;
        }

        /// <summary>Gives back what it holds.</summary>
        public void Dispose()
        {
            _block = default;
            _cursor.Lease.Dispose();
        }
    }

    /// <summary>One lease after the other. The first ends where a step of the memory does, if elements fit, so that the others hold no page twice.</summary>
    private struct Cursor(PagedArray<T> array, PageAccess access)
    {
        private long _next;

        public PageLease<T> Lease { get; private set; }

        public bool MoveNext()
        {
            Lease.Dispose();
            if (_next >= array.Length)
            {
                return false;
            }

            int count = (int)Math.Min(array.Length - _next, Math.Max(1, array._memory.StepAt(_next * ElementSize) / ElementSize));
            Lease = array.Lease(_next, count, access);
            _next += count;
            return true;
        }
    }
}
