using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;
using Uffd.Samples;

namespace Uffd.Paging.Tests.Stores;

/// <summary>Every store is an array of bytes, whatever is done to it in which order, and those that last are so after they were closed.</summary>
public sealed class StoreProperties
{
    private const int Pages = 24;

    private static readonly int Page = (int)Pattern.Page;

    private static readonly Gen<Step> AnyStep =
        from kind in Gen.Frequency((5, Gen.Constant(StepKind.Write)), (4, Gen.Constant(StepKind.Read)), (2, Gen.Constant(StepKind.Run)), (1, Gen.Constant(StepKind.Flush)), (1, Gen.Constant(StepKind.Reopen)))
        from place in Gen.Choose(0, (Pages * 4096) - 1)
        from size in Gen.Choose(1, 9 * 4096)
        from isAsync in Gen.Elements(true, false)
        select new Step(kind, place, size, isAsync);

    public static TheoryData<string> Kinds =>
    [
        "memory", "file", "file, odd", "direct", "direct, odd", "layered", "layered, odd", "layered, direct, odd", "layered in memory", "layered, map",
        "metered", "delayed", "faulty", "sample",
    ];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Store_is_an_array_of_bytes(string kind)
    {
        int direct = 0;
        Check(steps =>
        {
            using var scene = new Scene(kind);
            for (int index = 0; index < steps.Length; index++)
            {
                if (!scene.Holds(steps[index], salt: (ulong)index + 100))
                {
                    return false;
                }
            }

            direct += scene.DirectAccesses;
            return true;
        });
        Assert.True(direct > 10 || kind is not ("memory" or "layered in memory"), "the control: direct access is given at all");
    }

    [Fact]
    public void Store_that_forgets_a_write_is_found()
    {
        int wrong = 0;
        Check(steps =>
        {
            using var scene = new Scene("forgets");
            wrong += steps.Select((step, index) => scene.Holds(step, (ulong)index + 100)).All(holds => holds) ? 0 : 1;
            return true;
        });
        Assert.InRange(wrong, 10, 40);
    }

    private static void Check(Func<Step[], bool> holds)
    {
        // From a fixed seed, so that a run tells of the change and not of its luck.
        Config config = Config.QuickThrowOnFailure
            .WithMaxTest(40)
            .WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(1), FSharpOption<int>.None)));
        FsCheck.Check.One(config, Prop.ForAll(Arb.From(AnyStep.ArrayOf(30), steps => steps.Select((_, gone) => (Step[])[.. steps[..gone], .. steps[(gone + 1)..]])), holds));
    }

    private enum StepKind
    {
        Write,
        Read,
        Run,
        Flush,
        Reopen,
    }

    private sealed record Step(StepKind Kind, int Place, int Size, bool IsAsync);

    /// <summary>A store, and what it must be.</summary>
    private sealed class Scene : IDisposable
    {
        private readonly TemporaryFolder _folder = new();
        private readonly string _kind;
        private readonly byte[] _bytes;
        private IPageStore _store;

        public Scene(string kind)
        {
            _kind = kind;
            _bytes = new byte[(Pages * Page) - (kind.Contains("odd", StringComparison.Ordinal) ? 1234 : 0)];
            if (kind.StartsWith("layered", StringComparison.Ordinal))
            {
                Pattern.Bytes(8 * (ulong)Page, 1).CopyTo(_bytes, 0);
                Pattern.Bytes(2 * (ulong)Page, 1, 16 * (ulong)Page).CopyTo(_bytes, 16 * Page);
            }

            _store = Open();
        }

        public int DirectAccesses { get; private set; }

        public bool Holds(Step step, ulong salt)
        {
            int offset = step.Place;
            switch (step.Kind)
            {
                case StepKind.Write:
                    offset -= offset % Page;
                    Write(step, offset, salt);
                    return true;
                case StepKind.Read when _kind is "sample":
                    return Reads(step, offset - (offset % Page), Page * (1 + (step.Size / Page)));
                case StepKind.Read:
                    return offset >= _bytes.Length || Reads(step, offset, step.Size);
                case StepKind.Run:
                    return offset >= _bytes.Length || (Run(offset, step.Size) && Direct(offset, step.Size));
                case StepKind.Flush:
                    _store.Flush();
                    return true;
                default:
                    Reopen();
                    return Reads(step, 0, Pages * Page);
            }
        }

        public void Dispose()
        {
            _store.Dispose();
            _folder.Dispose();
        }

        private void Write(Step step, int offset, ulong salt)
        {
            int length = Math.Min(1 + (step.Size / Page), Pages - (offset / Page)) * Page;
            using var native = MemoryMapping.CreateAnonymous((ulong)length);
            Span<byte> aligned = native.AsSpan();
            Pattern.Fill(aligned, salt, (ulong)offset);
            if (step.IsAsync)
            {
                _store.WriteAsync((ulong)offset, aligned.ToArray(), CancellationToken.None).AsTask().GetAwaiter().GetResult(); // not aligned, as any array
            }
            else
            {
                _store.Write((ulong)offset, aligned);
            }

            int counted = Math.Min(length, _bytes.Length - offset);
            aligned[..counted].CopyTo(_bytes.AsSpan(offset));
        }

        private bool Reads(Step step, int offset, int length)
        {
            byte[] found = new byte[length];
            found.AsSpan().Fill(0xdd);
            if (step.IsAsync)
            {
                _store.ReadAsync((ulong)offset, found, CancellationToken.None).AsTask().GetAwaiter().GetResult();
            }
            else
            {
                _store.Read((ulong)offset, found);
            }

            return IsRight(offset, found);
        }

        private bool Run(int offset, int length)
        {
            SourceRun run = _store.GetRun((ulong)offset, (ulong)length);
            int counted = (int)Math.Min(run.Length, (ulong)(_bytes.Length - offset));
            return run.Length > 0 && run.Length <= (ulong)length && (run.Kind == SourceRunKind.Data || !_bytes.AsSpan(offset, counted).ContainsAnyExcept((byte)0));
        }

        private unsafe bool Direct(int offset, int length)
        {
            length = Math.Min(length, (Pages * Page) - offset);
            if (_store.GetDirect((ulong)offset, (ulong)length, out ulong address) != DirectAccess.Full)
            {
                return true;
            }

            DirectAccesses++;
            return IsRight(offset, new ReadOnlySpan<byte>((void*)address, length)); // plain memory, which the store says lives as long as it does
        }

        private bool IsRight(int offset, ReadOnlySpan<byte> found)
        {
            int counted = Math.Clamp(_bytes.Length - offset, 0, found.Length);
            return found[..counted].SequenceEqual(_bytes.AsSpan(offset, counted)) && !found[counted..].ContainsAnyExcept((byte)0);
        }

        private void Reopen()
        {
            if (_kind.StartsWith("file", StringComparison.Ordinal) || _kind.StartsWith("direct", StringComparison.Ordinal) || _kind is "layered" or "layered, odd" or "layered, direct, odd" or "layered, map")
            {
                _store.Flush(); // a map knows what was flushed
                _store.Dispose();
                _store = Open();
            }
        }

        private IPageStore Open() => _kind switch
        {
            "memory" => new MemoryPageStore((ulong)_bytes.Length),
            "layered in memory" => new LayeredPageStore(Base(), new MemoryPageStore((ulong)_bytes.Length)),
            "metered" => new MeteredPageStore(new MemoryPageStore((ulong)_bytes.Length)),
            "delayed" => new DelayedPageStore(new MemoryPageStore((ulong)_bytes.Length), SourceLatency.Fixed(TimeSpan.Zero)),
            "faulty" => new FaultyPageStore(new MemoryPageStore((ulong)_bytes.Length), new FaultyStoreOptions()),
            "forgets" => new Forgetful((ulong)_bytes.Length),
            "sample" => new CompressedPageStore((ulong)_bytes.Length),
            "layered, map" => new LayeredPageStore(
                Base(),
                FilePageStore.Open(_folder.File("changes"), Options()),
                FilePageStore.Open(_folder.File("map"), Options() with { Length = LayeredPageStore.GetMapLength((ulong)_bytes.Length) })),
            _ when _kind.StartsWith("layered", StringComparison.Ordinal) => new LayeredPageStore(Base(), FilePageStore.OpenDiff(_folder.File("changes"), Options())),
            _ => FilePageStore.Open(_folder.File("store"), Options()),
        };

        private FilePageStoreOptions Options() => new()
        {
            Length = (ulong)_bytes.Length,
            Create = true,
            Direct = _kind.Contains("direct", StringComparison.Ordinal),
        };

        private RunSource Base()
        {
            var parts = new Part[] { new(SourceRunKind.Data, 8 * Page), new(SourceRunKind.Hole, 8 * Page), new(SourceRunKind.Data, 2 * Page), new(SourceRunKind.Zero, _bytes.Length - (18 * Page)) };
            return new RunSource(1, parts) { Direct = true, Concurrency = _kind.Contains("odd", StringComparison.Ordinal) ? 3 : 0 };
        }
    }

    /// <summary>The control: every tenth write is for nothing.</summary>
    private sealed class Forgetful(ulong length) : PageStoreDecorator(new MemoryPageStore(length))
    {
        private int _writes;

        protected override bool AllowsDirectAccess => false;

        public override void Read(ulong offset, Span<byte> destination) => Inner.Read(offset, destination);

        public override ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => ReadInnerAsync(offset, destination, cancellation);

        public override void Write(ulong offset, ReadOnlySpan<byte> source)
        {
            if (++_writes % 10 != 0)
            {
                Inner.Write(offset, source);
            }
        }

        public override ValueTask WriteAsync(ulong offset, ReadOnlyMemory<byte> source, CancellationToken cancellation)
        {
            Write(offset, source.Span);
            return ValueTask.CompletedTask;
        }

        public override void Flush() => Inner.Flush();
    }
}
