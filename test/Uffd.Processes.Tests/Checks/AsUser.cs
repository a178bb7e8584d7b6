using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Uffd.Processes.Tests;

/// <summary>Inspects processes as somebody else: these tests are started once more, with setpriv(1), and answer before any test runs.</summary>
internal static class AsUser
{
    public const uint Nobody = 65534;
    public const UnixFileMode ReadableByAll = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private const string Variable = "UFFD_INSPECT";
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(60));

    public static string[] Becoming(uint user)
        => [string.Create(CultureInfo.InvariantCulture, $"--reuid={user}"), string.Create(CultureInfo.InvariantCulture, $"--regid={user}"), "--clear-groups"];

    /// <summary>What <see cref="TargetInspection.ThrowIfObstructed"/> says; "fine" when nothing.</summary>
    /// <param name="processId">Whom to inspect.</param>
    /// <param name="setpriv">How to change before.</param>
    public static string Inspect(int processId, params string[] setpriv)
    {
        Requires.Root();
        Requires.Program("setpriv");
        using var folder = new TemporaryFolder();
        File.SetUnixFileMode(folder.Path, ReadableByAll);
        foreach (string file in Directory.EnumerateFiles(AppContext.BaseDirectory).Where(file => Path.GetExtension(file) is ".dll" or ".json"))
        {
            File.Copy(file, folder.File(Path.GetFileName(file)));
        }

        string assembly = folder.File(Path.GetFileName(typeof(AsUser).Assembly.Location));
        var start = new ProcessStartInfo("setpriv", [.. setpriv, Environment.ProcessPath is { } path && Path.GetFileName(path) is "dotnet" ? path : NativeCompiler.Find("dotnet")!, "exec", assembly])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        };
        start.Environment[Variable] = processId.ToString(CultureInfo.InvariantCulture);
        start.Environment["DOTNET_CLI_HOME"] = folder.Path;
        using Process process = Process.Start(start)!;
        Task<string> text = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill();
            Assert.Fail("the inspection did not end");
        }

        return text.Result.Trim();
    }

    [ModuleInitializer]
    internal static void AnswerIfAsked()
    {
        if (int.TryParse(Environment.GetEnvironmentVariable(Variable), NumberStyles.None, CultureInfo.InvariantCulture, out int processId))
        {
            Console.WriteLine(Answer(processId));
            Environment.Exit(0);
        }
    }

    private static string Answer(int processId)
    {
        try
        {
            TargetInspection.Inspect(processId).ThrowIfObstructed();
            return "fine";
        }
        catch (UffdException exception)
        {
            return $"{(exception.IsUnavailable ? "unavailable: " : string.Empty)}{exception.Message}";
        }
    }
}
