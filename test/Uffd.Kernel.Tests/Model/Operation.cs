using System.Globalization;

namespace Uffd.Kernel.Tests.Model;

/// <summary>
/// Something done to a region: by the manager of its memory, by its process, or by a thread that touches it. Pages are counted
/// from 0. Written as text it is the C# that makes it again.
/// </summary>
internal abstract record Operation
{
    /// <summary>What the constructor takes, in order.</summary>
    protected abstract object[] Arguments { get; }

    /// <summary>The expression that makes this operation.</summary>
    public sealed override string ToString() => $"new {GetType().Name}({string.Join(", ", Arguments.Select(Code))})";

    /// <summary>The expression for a number or for flags.</summary>
    public static string Code(object value)
        => value is Enum flags
            ? string.Join(" | ", flags.ToString().Split(", ").Select(name => $"{flags.GetType().Name}.{name}"))
            : string.Create(CultureInfo.InvariantCulture, $"{value}");
}

/// <summary>An operation on <paramref name="Count"/> pages from <paramref name="First"/> on.</summary>
internal abstract record RangeOperation(int First, int Count) : Operation
{
    protected override object[] Arguments => [First, Count];
}

/// <summary>UFFDIO_REGISTER.</summary>
internal sealed record Register(int First, int Count, UffdRegisterModes Modes) : RangeOperation(First, Count)
{
    protected override object[] Arguments => [First, Count, Modes];
}

/// <summary>UFFDIO_UNREGISTER.</summary>
internal sealed record Unregister(int First, int Count) : RangeOperation(First, Count);

/// <summary>UFFDIO_WAKE.</summary>
internal sealed record Wake(int First, int Count) : RangeOperation(First, Count);

/// <summary>UFFDIO_COPY: the first page gets <paramref name="Value"/> in every byte, the next one more, and so on.</summary>
internal sealed record Copy(int First, int Count, byte Value, UffdCopyModes Modes) : RangeOperation(First, Count)
{
    protected override object[] Arguments => [First, Count, Value, Modes];
}

/// <summary>UFFDIO_ZEROPAGE.</summary>
internal sealed record ZeroPage(int First, int Count, UffdZeroPageModes Modes) : RangeOperation(First, Count)
{
    protected override object[] Arguments => [First, Count, Modes];
}

/// <summary>UFFDIO_CONTINUE.</summary>
internal sealed record Continue(int First, int Count, UffdContinueModes Modes) : RangeOperation(First, Count)
{
    protected override object[] Arguments => [First, Count, Modes];
}

/// <summary>UFFDIO_POISON.</summary>
internal sealed record Poison(int First, int Count, UffdPoisonModes Modes) : RangeOperation(First, Count)
{
    protected override object[] Arguments => [First, Count, Modes];
}

/// <summary>UFFDIO_WRITEPROTECT.</summary>
internal sealed record WriteProtect(int First, int Count, UffdWriteProtectModes Modes) : RangeOperation(First, Count)
{
    protected override object[] Arguments => [First, Count, Modes];
}

/// <summary>UFFDIO_MOVE from page <paramref name="Source"/> on of the other area.</summary>
internal sealed record Move(int First, int Count, int Source, UffdMoveModes Modes) : RangeOperation(First, Count)
{
    protected override object[] Arguments => [First, Count, Source, Modes];
}

/// <summary>madvise(MADV_DONTNEED).</summary>
internal sealed record DontNeed(int First, int Count) : RangeOperation(First, Count);

/// <summary>madvise(MADV_REMOVE).</summary>
internal sealed record Remove(int First, int Count) : RangeOperation(First, Count);

/// <summary>A thread reads a page.</summary>
internal sealed record Read(int Page) : Operation
{
    protected override object[] Arguments => [Page];
}

/// <summary>A thread writes <paramref name="Value"/> over a page.</summary>
internal sealed record Write(int Page, byte Value) : Operation
{
    protected override object[] Arguments => [Page, Value];
}

/// <summary>Somebody writes to the shared memory by another way than this mapping. Nothing on private anonymous memory.</summary>
internal sealed record WriteFile(int Page, byte Value) : Operation
{
    protected override object[] Arguments => [Page, Value];
}

/// <summary>A page of the other area, from which pages are moved, is read: a hole becomes zeros.</summary>
internal sealed record ReadSource(int Page) : Operation
{
    protected override object[] Arguments => [Page];
}

/// <summary>A page of the other area is written.</summary>
internal sealed record WriteSource(int Page, byte Value) : Operation
{
    protected override object[] Arguments => [Page, Value];
}
