using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd.Tests.Abi;

/// <summary>
/// Lets the C compiler prove every constant and every struct of src/Uffd/Abi: each becomes an assertion in a C file. A name
/// that neither the headers nor test/native/abi.h know does not compile, so nothing can go unchecked.
/// </summary>
public class AbiTests
{
    private const BindingFlags Everything = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    private static readonly Type[] AbiTypes = [.. typeof(UserfaultfdAbi).Assembly.GetTypes()
        .Where(type => string.Equals(type.Namespace, typeof(UserfaultfdAbi).Namespace, StringComparison.Ordinal) && !type.IsNested)];

    [Fact]
    public void Compiler_agrees_with_every_constant_and_layout()
    {
        CompilerResult result = Compile("gcc", Assertions());
        Assert.True(result.ExitCode == 0, result.Output);
    }

    [Fact]
    public void Compiler_for_arm64_agrees_too()
    {
        Assert.SkipWhen(NativeCompiler.Find("aarch64-linux-gnu-gcc") is null, "aarch64-linux-gnu-gcc is not installed");
        CompilerResult result = Compile("aarch64-linux-gnu-gcc", Assertions());
        Assert.True(result.ExitCode == 0, result.Output);
    }

    [Theory]
    [InlineData("UFFDIO_COPY", 0xC028_AA04)]
    [InlineData("UFFD_FEATURE_MOVE", 0x1_0001)] // not in old headers
    public void Wrong_value_does_not_compile(string name, ulong value)
    {
        CompilerResult result = Compile("gcc", [.. Assertions(), AssertEqual(name, value)]);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(name, result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_name_does_not_compile()
    {
        CompilerResult result = Compile("gcc", [AssertEqual("UFFDIO_NO_SUCH_THING", 1UL)]);
        Assert.NotEqual(0, result.ExitCode);
    }

    [Fact]
    public void Wrong_offset_does_not_compile()
    {
        CompilerResult result = Compile("gcc", ["_Static_assert(offsetof(struct uffd_msg, arg.remap.len) == 16, \"remap.len\");"]);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("remap.len", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_was_overlooked()
    {
        string[] assertions = Assertions();
        Assert.Contains(assertions, line => line.Contains("UFFDIO_API)", StringComparison.Ordinal));
        Assert.Contains(assertions, line => line.Contains("sizeof(struct pm_scan_arg) == 96", StringComparison.Ordinal));
        Assert.Contains(assertions, line => line.Contains("offsetof(struct uffd_msg, arg.pagefault.feat.ptid) == 24", StringComparison.Ordinal));
        Assert.Contains(assertions, line => line.Contains("offsetof(struct sockaddr_un, sun_path) == 2", StringComparison.Ordinal));
        Assert.Contains(assertions, line => line.Contains("(EAGAIN)", StringComparison.Ordinal));
        Assert.True(assertions.Length > 200, $"only {assertions.Length} assertions");
    }

    [Fact]
    public void Calls_return_what_they_return_in_C()
    {
        (string Call, int Size)[] calls = [.. Calls()];
        Assert.Contains(calls, call => call.Call.StartsWith("accept4(", StringComparison.Ordinal));
        CompilerResult result = Compile("gcc", [.. calls.Select(call => AssertEqual($"sizeof({call.Call})", (uint)call.Size))]);
        Assert.True(result.ExitCode == 0, result.Output);
    }

    [Fact]
    public void Call_that_returns_something_else_does_not_compile()
    {
        CompilerResult result = Compile("gcc", [AssertEqual("sizeof(accept4(0, 0, 0, 0))", (uint)nint.Size)]);
        Assert.NotEqual(0, result.ExitCode);
    }

    [Fact]
    public void System_call_number_is_that_of_this_architecture()
    {
        int expected = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 282 : 323;
        Assert.Equal(expected, SyscallAbi.SYS_userfaultfd);
    }

    private static string[] Assertions()
    {
        IEnumerable<string> constants = AbiTypes
            .SelectMany(type => type.GetFields(Everything))
            .Where(field => field.IsLiteral)
            .Select(field => AssertEqual(field.Name, field.GetRawConstantValue()!));
        IEnumerable<string> errors = Enum.GetValues<Errno>()
            .Where(errno => errno != Errno.None)
            .Select(errno => AssertEqual(errno.ToString(), (int)errno));
        IEnumerable<string> layouts = AbiTypes.Where(type => type.IsValueType).SelectMany(LayoutOf);
        return [.. constants, .. errors, .. layouts];
    }

    /// <summary>Each function of the C library that is called, as a call that is never made, and the size of what it returns.</summary>
    private static IEnumerable<(string Call, int Size)> Calls()
        => from method in typeof(LibC).GetMethods(Everything)
           let import = method.GetCustomAttribute<LibraryImportAttribute>()
           where import is not null
           let arguments = string.Join(", ", method.GetParameters().Select(_ => "0"))
           select ($"{import.EntryPoint}({arguments})", method.ReturnType.IsPointer ? nint.Size : Marshal.SizeOf(method.ReturnType));

    private static string AssertEqual(string name, object value) => Convert.GetTypeCode(value) is TypeCode.Int32 or TypeCode.Int16 or TypeCode.Int64
        ? string.Create(CultureInfo.InvariantCulture, $"_Static_assert((long long)({name}) == {value}LL, \"{name}\");")
        : string.Create(CultureInfo.InvariantCulture, $"_Static_assert((unsigned long long)({name}) == {value}ULL, \"{name}\");");

    private static IEnumerable<string> LayoutOf(Type type)
    {
        string structure = $"struct {type.Name}";
        yield return string.Create(CultureInfo.InvariantCulture, $"_Static_assert(sizeof({structure}) == {Marshal.SizeOf(type)}, \"sizeof({structure})\");");
        foreach (FieldInfo field in type.GetFields(Everything).Where(field => !field.IsLiteral))
        {
            string path = PathOf(type, field.Name);
            nint offset = Marshal.OffsetOf(type, field.Name);
            int size = field.FieldType.IsPointer ? nint.Size : Marshal.SizeOf(field.FieldType);
            yield return string.Create(CultureInfo.InvariantCulture, $"_Static_assert(offsetof({structure}, {path}) == {offset}, \"{structure}.{path}\");");
            yield return string.Create(CultureInfo.InvariantCulture, $"_Static_assert(sizeof((({structure} *)0)->{path}) == {size}, \"size of {structure}.{path}\");");
        }
    }

    /// <summary>How C reaches a field that has another name or another nesting here.</summary>
    private static string PathOf(Type type, string field) => type.Name switch
    {
        nameof(uffd_msg) when field is nameof(uffd_msg.event_) => "event",
        nameof(uffd_msg) => field.Replace('_', '.'), // arg_pagefault_feat_ptid is arg.pagefault.feat.ptid
        _ => field,
    };

    private static CompilerResult Compile(string compiler, IReadOnlyCollection<string> assertions)
    {
        Requires.Compiler();
        using var folder = new TemporaryFolder();
        string file = folder.File("abi.c");
        var source = new StringBuilder("#include \"abi.h\"\n");
        source.AppendJoin('\n', assertions).Append('\n');
        File.WriteAllText(file, source.ToString());
        return NativeCompiler.Run(compiler, ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-nonnull", "-fsyntax-only", $"-I{NativeCompiler.SourceFolder}", file]);
    }
}
