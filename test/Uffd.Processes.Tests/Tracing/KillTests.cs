using System.Diagnostics;
using System.Globalization;

namespace Uffd.Processes.Tests.Tracing;

/// <summary>The tracer is killed at every step and at any moment: the process goes on as if nothing had been.</summary>
[Collection("tracing")]
public class KillTests
{
    private const int KillsFromOutside = 40;

    // Work whose calls answer EINTR to any stop until the tracer has changed that: its death at the first two steps is the kernel's to answer for.
    private static readonly string[] InterruptedByAnyStop = ["epoll", "epolltimed", "sigwait"];

    [Theory]
    [InlineData("take", "simd")]
    [InlineData("take", "registers")]
    [InlineData("take", "sleep")]
    [InlineData("take", "poll")]
    [InlineData("take", "epoll")]
    [InlineData("take", "epolltimed")]
    [InlineData("take", "futex")]
    [InlineData("take", "sigsuspend")]
    [InlineData("take", "sigwait")]
    [InlineData("take", "alarm")]
    [InlineData("take", "stack")]
    [InlineData("take", "births")]
    [InlineData("take", "offstack")]
    [InlineData("stop", "registers")]
    [InlineData("stop", "sleep")]
    public void Death_at_every_step_harms_nothing(string command, string work)
    {
        Requires.Root();
        using var target = TracedProgram.Start(work, "simd", "sleep");
        int steps = int.Parse(KilledTracer.Run(command, target.Id).Line, CultureInfo.InvariantCulture);
        Assert.True(steps >= (command is "take" ? 19 : 10), $"only {steps} steps");
        for (int step = InterruptedByAnyStop.Contains(work, StringComparer.Ordinal) ? 2 : 0; step < steps; step++)
        {
            (string line, bool killed) = KilledTracer.Run(command, target.Id, step);
            Assert.True(killed, $"step {step} of {steps}: the tracer was not killed: {line}");
            target.AssertUnharmed();
            Assert.False(target.IsTraced);
        }
    }

    [Fact]
    public void Death_at_any_moment_harms_nothing()
    {
        Requires.Root();
        using var target = TracedProgram.Start("registers", "simd", "sleep", "poll", "futex", "sigsuspend", "alarm", "stack", "births");
        var random = new Random(20261120);
        for (int kill = 0; kill < KillsFromOutside; kill++)
        {
            using Process tracer = KilledTracer.Begin("loop", target.Id);
            Assert.Equal("begun", tracer.StandardOutput.ReadLine());
            long end = Stopwatch.GetTimestamp() + (long)(random.NextDouble() * 0.05 * Stopwatch.Frequency);
            while (Stopwatch.GetTimestamp() < end)
            {
                Thread.SpinWait(20);
            }

            tracer.Kill();
            Assert.True(tracer.WaitForExit(TestTime.Scaled(TimeSpan.FromSeconds(30))), "the tracer cannot be killed");
            target.AssertUnharmed();
            Assert.False(target.IsTraced);
        }
    }

    /// <summary>The control: a tracer that trusts to live is found out by the target.</summary>
    [Fact]
    public void Death_of_a_careless_tracer_is_noticed()
    {
        Requires.Root();
        using var target = TracedProgram.Start("registers", "sleep");
        bool harmed = false;
        for (int attempt = 0; attempt < 20 && !harmed; attempt++)
        {
            Assert.True(KilledTracer.Run("unsafe", target.Id).Killed);
            Thread.Sleep(20);
            harmed = target.HasExited || !target.Ask("check").StartsWith("ok", StringComparison.Ordinal);
        }

        Assert.True(harmed, "registers were changed, and the target did not notice");
    }
}
