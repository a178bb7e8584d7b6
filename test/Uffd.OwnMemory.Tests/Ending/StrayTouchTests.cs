using System.Diagnostics;

namespace Uffd.Paging.OwnMemory.Tests.Ending;

/// <summary>A span that is used after its lease was disposed: the process ends at once, with a message; it does not hang, and reads no zeros.</summary>
public sealed class StrayTouchTests
{
    private const string Survived = "the touch was survived";

    [Fact]
    public async Task Touch_of_a_page_that_went_ends_the_process()
    {
        Requires.Paging();
        string program = Path.Combine(AppContext.BaseDirectory, "Uffd.OwnMemory.Tests");
        var start = new ProcessStartInfo(program, ["-explicit", "only", "-method", $"{typeof(StrayTouchTests).FullName}.{nameof(Victim)}", "-showLiveOutput"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        using Process process = Process.Start(start) ?? throw new InvalidOperationException("it did not start");
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TestTime.Scaled(TimeSpan.FromSeconds(60)), TestContext.Current.CancellationToken);
        }
        finally
        {
            process.Kill();
        }

        string said = await output + await error;
        Assert.DoesNotContain(Survived, said, StringComparison.Ordinal);
        Assert.True(process.ExitCode > 128, said); // a signal's end
        Assert.Contains("Fatal error", said, StringComparison.Ordinal);
    }

    /// <summary>What the other process does; never run by itself.</summary>
    [Fact(Explicit = true)]
    public void Victim()
    {
        using var small = new Small();
        small.Store.Content.Fill(1);
        PageLease lease = small.Memory.Lease(0, 8, PageAccess.Read);
        ReadOnlySpan<byte> stale = lease.ReadOnlySpan;
        Assert.Equal(1, stale[0]);
        lease.Dispose();
        small.Evict(0);
        byte value = stale[0];
        TestContext.Current.TestOutputHelper?.WriteLine($"{Survived}: {value}");
    }
}
