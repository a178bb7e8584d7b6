using Uffd.Samples;

namespace Uffd.Paging.Tests.Stores;

/// <summary>The store that docs/stores.md shows is small, and is what it shows. That it works is one of <see cref="StoreProperties"/>.</summary>
public sealed class CompressedPageStoreTests
{
    [Fact]
    public void Pages_are_kept_in_less_than_they_have()
    {
        using var store = new CompressedPageStore(16 * Pattern.Page);
        byte[] page = new byte[Pattern.Page];
        for (int at = 0; at < page.Length; at++)
        {
            page[at] = (byte)(at / 16);
        }

        store.Write(0, [.. page, .. page]);
        Assert.InRange(store.StoredBytes, 2, 2 * (long)Pattern.Page / 4);
    }

    [Fact]
    public void Page_shows_the_sample()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Uffd.slnx")))
        {
            folder = folder.Parent;
        }

        string sample = File.ReadAllText(Path.Combine(folder!.FullName, "samples/TinyStore/CompressedPageStore.cs"));
        string shown = sample[sample.IndexOf("internal sealed class", StringComparison.Ordinal)..];
        Assert.Contains(shown, File.ReadAllText(Path.Combine(folder.FullName, "docs/stores.md")), StringComparison.Ordinal);
    }
}
