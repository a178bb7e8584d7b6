using System.Diagnostics;
using Uffd.PagerProcess.Client;
using Uffd.Paging;

namespace Uffd.PagerProcess.Tests.Support;

/// <summary>A file with the pattern, in a folder of its own, and a store over it that fails on command.</summary>
internal sealed class TestImage : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TestImage(long pages)
    {
        Length = pages * 4096;
        Pattern.Write(Path, Length);
    }

    public long Length { get; }

    public string Path => _folder.File("image");

    /// <summary>How many flushes the store has seen.</summary>
    public int Flushes => File.Exists($"{Path}.flushes") ? File.ReadAllLines($"{Path}.flushes").Length : 0;

    public StoreDescription Describe(string options = "") => Regions.Describe(Path + options);

    /// <summary>Makes or removes a file that makes the store fail.</summary>
    public void Fail(string what, bool fails = true)
    {
        if (fails)
        {
            File.WriteAllText($"{Path}.{what}", "");
        }
        else
        {
            File.Delete($"{Path}.{what}");
        }
    }

    public void Lose(long offset) => File.WriteAllText($"{Path}.lost", offset.ToString(System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>What the file has now.</summary>
    public byte[] ReadFile(long offset, int length)
    {
        using FileStream file = File.Open(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Position = offset;
        byte[] bytes = new byte[length];
        file.ReadExactly(bytes);
        return bytes;
    }

    public void Dispose()
    {
        // A pager process saves what it holds after its client has ended, and makes files meanwhile.
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                _folder.Dispose();
                return;
            }
            catch (IOException) when (Stopwatch.GetElapsedTime(start) < ClientProcess.Patience)
            {
                Thread.Sleep(20);
            }
        }
    }
}
