namespace Uffd.Paging.Tests.Stores;

/// <summary>Layers: what is refused, what is read of whom, and sparse files.</summary>
public sealed class LayeredPageSourceTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData(99)]
    [InlineData(101)]
    public void Layer_of_another_length_is_refused(int length)
    {
        using var image = new RunSource(1, Data(100));
        using var diff = new RunSource(2, Data(length));
        ArgumentException exception = Assert.Throws<ArgumentException>(() => new LayeredPageSource(image, [new RunSource(3, Hole(100)), diff]));
        Assert.Contains($"layer 2 has {length} bytes and the base 100", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Base_alone_is_itself()
    {
        using var layered = new LayeredPageSource(new RunSource(1, Data(100), Hole(20)) { Direct = true }, []);
        Assert.Equal(new SourceRun(100, SourceRunKind.Data), layered.GetRun(0, 120));
        Assert.Equal(new SourceRun(20, SourceRunKind.Hole), layered.GetRun(100, 20));
        Assert.Equal(DirectAccess.Full, layered.GetDirect(0, 120, out _));
        Assert.Equal(0, layered.Concurrency);
    }

    [Fact]
    public void Layers_can_be_layers()
    {
        using var lower = new LayeredPageSource(new RunSource(1, Data(30)), [new RunSource(2, Hole(10), Data(20))]);
        using var upper = new LayeredPageSource(lower, [new RunSource(3, Hole(20), Data(10))], ownsLayers: false);
        byte[] found = new byte[30];
        upper.Read(0, found);
        Assert.Equal([.. Pattern.Bytes(32, 1)[..10], .. Pattern.Bytes(32, 2)[10..20], .. Pattern.Bytes(32, 3)[20..30]], found);
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(0, 8, 8)]
    [InlineData(8, 0, 8)]
    [InlineData(16, 4, 4)]
    public void Concurrency_is_what_every_layer_bears(int ofBase, int ofDiff, int expected)
    {
        using var layered = new LayeredPageSource(new RunSource(1, Data(9)) { Concurrency = ofBase }, [new RunSource(2, Hole(9)) { Concurrency = ofDiff }]);
        Assert.Equal(expected, layered.Concurrency);
    }

    [Fact]
    public async Task Slow_base_below_scattered_pages_is_read_once()
    {
        // A huge page of which every second small one is a diff's.
        Part[] parts = [.. Enumerable.Range(0, 16).Select(page => page % 2 == 0 ? Hole(4096) : Data(4096))];
        var image = new RunSource(1, Data(16 * 4096)) { Concurrency = 4 };
        var diff = new RunSource(2, parts) { Concurrency = 4 };
        using var layered = new LayeredPageSource(image, [diff]);
        byte[] found = new byte[16 * 4096];
        await layered.ReadAsync(0, found, None);
        Assert.Equal([new SourceRange(0, 15 * 4096)], image.Reads);
        Assert.Equal(8, diff.Reads.Count); // what lies between them is the base's: not to be painted over
    }

    [Fact]
    public async Task Far_apart_is_read_apart()
    {
        const int Far = (64 << 10) + 1;
        var image = new RunSource(1, Data(100 + Far + 100)) { Concurrency = 4 };
        using var layered = new LayeredPageSource(image, [new RunSource(2, Hole(100), Data(Far), Hole(100))]);
        byte[] found = new byte[200 + Far];
        await layered.ReadAsync(0, found, None);
        Assert.Equal([new SourceRange(0, 100), new SourceRange(100 + Far, 100)], image.Reads);
    }

    [Fact]
    public async Task What_nobody_wants_of_the_base_may_be_lost()
    {
        var image = new RunSource(1, Data(100), new Part(SourceRunKind.Poisoned, 50), Data(100)) { Concurrency = 4 };
        using var layered = new LayeredPageSource(image, [new RunSource(2, Hole(100), Data(50), Hole(100))]);
        byte[] found = new byte[250];
        await layered.ReadAsync(0, found, None);
        Assert.Equal([.. Pattern.Bytes(256, 1)[..100], .. Pattern.Bytes(256, 2)[100..150], .. Pattern.Bytes(256, 1)[150..250]], found);
        Assert.Equal([new SourceRange(0, 250), new SourceRange(0, 100), new SourceRange(150, 100)], image.Reads);
    }

    [Fact]
    public async Task Cancelled_read_ends_so()
    {
        using var layered = new LayeredPageSource(new RunSource(1, Data(100)) { Concurrency = 4 }, []);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => layered.ReadAsync(0, new byte[10], new CancellationToken(canceled: true)).AsTask());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Layers_are_disposed_if_they_are_its_own(bool owns)
    {
        var image = new RunSource(1, Data(8));
        var diff = new RunSource(2, Data(8));
        new LayeredPageSource(image, [diff], owns).Dispose();
        Assert.Equal(owns, image.IsDisposed);
        Assert.Equal(owns, diff.IsDisposed);
    }

    [Fact]
    public void Layer_that_says_nothing_is_an_error_and_no_endless_loop()
    {
        using var layered = new LayeredPageSource(new RunSource(1, Data(100)), [new HostileSource(new byte[100], run: (_, _) => default)]);
        Assert.Throws<IOException>(() => layered.Read(0, new byte[10]));
        Assert.Throws<IOException>(() => layered.GetDirect(0, 10, out _));
    }

    [Fact]
    public void Sparse_files_are_laid_over_each_other()
    {
        const int Chunk = 128 << 10;
        using var folder = new TemporaryFolder();
        Sparse.Write(folder.File("base"), 4 * Chunk, 1, (0, 4 * Chunk));
        Sparse.Write(folder.File("old"), 4 * Chunk, 2, (0, 2 * Chunk));
        Sparse.Write(folder.File("new"), 4 * Chunk, 3, (Chunk, Chunk));
        using LayeredPageSource layered = LayeredPageSource.OpenFiles(folder.File("base"), [folder.File("old"), folder.File("new")]);
        byte[] found = new byte[4 * Chunk];
        layered.Read(0, found);
        Assert.Equal([.. Pattern.Bytes(Chunk, 2), .. Pattern.Bytes(Chunk, 3, Chunk), .. Pattern.Bytes(2 * Chunk, 1, 2 * Chunk)], found);
        Assert.Equal(new SourceRun(Chunk, SourceRunKind.Data), layered.GetRun(Chunk, 3 * Chunk));
        Assert.Equal(DirectAccess.KernelOnly, layered.GetDirect(Chunk, Chunk, out _));
        Assert.Equal(DirectAccess.None, layered.GetDirect(Chunk - 1, 2, out _));
    }

    [Fact]
    public void Diff_of_nothing_changes_nothing_and_one_without_holes_hides_all()
    {
        using var folder = new TemporaryFolder();
        Sparse.Write(folder.File("base"), 65536, 1, (0, 65536));
        Sparse.Write(folder.File("nothing"), 65536, 2);
        Sparse.Write(folder.File("all"), 65536, 3, (0, 65536));
        using LayeredPageSource same = LayeredPageSource.OpenFiles(folder.File("base"), [folder.File("nothing")]);
        using LayeredPageSource hidden = LayeredPageSource.OpenFiles(folder.File("base"), [folder.File("all"), folder.File("nothing")]);
        byte[] found = new byte[65536];
        same.Read(0, found);
        Assert.Equal(Pattern.Bytes(65536, 1), found);
        hidden.Read(0, found);
        Assert.Equal(Pattern.Bytes(65536, 3), found);
    }

    [Fact]
    public void Holes_of_a_diff_are_all_found_where_those_of_an_image_need_not_be()
    {
        const ulong Chunk = 64 << 10;
        using var folder = new TemporaryFolder();
        Sparse.Write(folder.File("diff"), 6 * Chunk, 1, (0, Chunk), (2 * Chunk, Chunk), (4 * Chunk, Chunk));
        using FileStream file = File.OpenRead(folder.File("diff"));
        Assert.Equal([new FileExtent(0, 6 * Chunk)], SparseFile.GetDataExtents(file.SafeFileHandle, 6 * Chunk, limit: 2)); // given up
        Assert.Equal(3, SparseFile.FindDataExtents(file.SafeFileHandle, 6 * Chunk).Count);
        using var pipe = new System.IO.Pipes.AnonymousPipeServerStream();
        using var noFile = new Microsoft.Win32.SafeHandles.SafeFileHandle(pipe.SafePipeHandle.DangerousGetHandle(), ownsHandle: false);
        Assert.Equal([new FileExtent(0, 10)], SparseFile.GetDataExtents(noFile, 10));
        Assert.Equal((Errno)29, Assert.Throws<UffdException>(() => SparseFile.FindDataExtents(noFile, 10)).Errno); // ESPIPE
    }

    [Fact]
    public void File_of_another_length_is_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        Sparse.Write(folder.File("base"), 65536, 1, (0, 65536));
        Sparse.Write(folder.File("longer"), 69632, 2);
        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => LayeredPageSource.OpenFiles(folder.File("base"), [folder.File("longer")]));
        Assert.Contains($"the diff {folder.File("longer")} has 69632 bytes and the image {folder.File("base")} 65536", exception.Message, StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => LayeredPageSource.OpenFiles(folder.File("base"), [folder.File("none")]));
    }

    private static Part Data(int length) => new(SourceRunKind.Data, length);

    private static Part Hole(int length) => new(SourceRunKind.Hole, length);
}
