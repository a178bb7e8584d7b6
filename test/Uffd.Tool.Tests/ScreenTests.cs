using Uffd.Tool.Output;

namespace Uffd.Tool.Tests;

public sealed class ScreenTests
{
    [Theory]
    [InlineData(false, null, "xterm", true)]
    [InlineData(false, "", "xterm", true)]
    [InlineData(true, null, "xterm", false)]
    [InlineData(false, "1", "xterm", false)]
    [InlineData(false, null, "dumb", false)]
    [InlineData(false, null, null, true)]
    public void Drawing_is_for_terminals_that_want_it(bool redirected, string? noColor, string? term, bool rich)
        => Assert.Equal(rich, Screen.WantsRich(redirected, name => name switch { "NO_COLOR" => noColor, "TERM" => term, _ => null }));
}
