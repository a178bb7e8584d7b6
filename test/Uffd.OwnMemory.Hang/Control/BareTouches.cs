using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Uffd.OwnMemory.Hang;

/// <summary>
/// The control: bare memory under a userfaultfd, served by this very process, touched while collections are made. By a bare pointer it
/// must hang, or the tests that look for hangs find none; by a call that a collection can see past it must not, or it hangs for
/// another reason.
/// </summary>
internal static unsafe partial class BareTouches
{
    private const int Pages = 4096;

    public static ExitCode Go(Arguments arguments)
    {
        delegate*<byte*, byte> touch = arguments.What switch
        {
            "pointer" => &ByPointer,
            "call" => &ByCall,
            _ => throw new FormatException("control what: pointer, call or bytes?"),
        };
        using Userfaultfd userfaultfd = Userfaultfd.Create();
        using var mapping = MemoryMapping.CreateAnonymous(Pages * (ulong)Environment.SystemPageSize);
        mapping.Advise(MemoryAdvice.NoHugePage);
        userfaultfd.Register(mapping.Range, UffdRegisterModes.Missing);
        using var handler = new ManagedHandler(userfaultfd, mapping.PageSize);
        using var collector = new Collector();
        Console.WriteLine("begin");
        long end = Stopwatch.GetTimestamp() + (long)(arguments.Time.TotalSeconds * Stopwatch.Frequency);
        long touches = 0;
        while (Stopwatch.GetTimestamp() < end)
        {
            if (touches % Pages == 0)
            {
                mapping.Advise(MemoryAdvice.DontNeed);
            }

            // Inside the mapping, which is unmapped when this is over.
            touch((byte*)(mapping.Address + ((ulong)(touches % Pages) * mapping.PageSize)));
            touches++;
        }

        Console.WriteLine($"touches={touches} collections={collector.Collections}");
        return touches > 0 && collector.Collections > 0 ? ExitCode.Right : ExitCode.Inconclusive;
    }

    // In the middle of managed code: a collection waits for it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte ByPointer(byte* address) => *address;

    // In a call: a collection does not.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte ByCall(byte* address)
    {
        byte value; // a local of this frame, which does not move
        MemCopy(&value, address, 1);
        return value;
    }

    [LibraryImport("libc", EntryPoint = "memcpy")]
    private static partial void* MemCopy(void* destination, void* source, nuint length);
}
