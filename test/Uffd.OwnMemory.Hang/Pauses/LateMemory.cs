using System.ComponentModel;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Uffd.OwnMemory.Hang;

/// <summary>Bare memory whose pages come late, brought by a native thread that no collection stops (test/native/slowhandler.c).</summary>
internal sealed unsafe class LateMemory : IDisposable
{
    private const int Pages = 1024;
    private readonly Userfaultfd _userfaultfd = Userfaultfd.Create();
    private readonly MemoryMapping _mapping = MemoryMapping.CreateAnonymous(Pages * (ulong)Environment.SystemPageSize);

    /// <param name="library">The compiled handler.</param>
    /// <param name="delay">How late.</param>
    public LateMemory(string library, TimeSpan delay)
    {
        _mapping.Advise(MemoryAdvice.NoHugePage);
        _userfaultfd.Register(_mapping.Range, UffdRegisterModes.Missing);
        var start = (delegate* unmanaged<int, ulong, nint, int>)NativeLibrary.GetExport(NativeLibrary.Load(library), "slow_handler_start"); // as declared there
        int errno = start((int)_userfaultfd.Handle.DangerousGetHandle(), _mapping.PageSize, (nint)delay.TotalMilliseconds);
        if (errno != 0)
        {
            throw new Win32Exception(errno, "the handler did not start");
        }
    }

    /// <summary>How many pages were touched.</summary>
    public long Touches { get; private set; }

    /// <summary>Touches page after page by a bare pointer.</summary>
    public void Touch(CancellationToken stop)
    {
        for (int page = 0; page < Pages && !stop.IsCancellationRequested; page++)
        {
            TouchOne((byte*)(_mapping.Address + ((ulong)page * _mapping.PageSize))); // inside the mapping
            Touches++;
        }
    }

    // The handler keeps its thread, and the descriptor, to the end of the process: closing it would be taking it from under it.
    public void Dispose() => _mapping.Dispose();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte TouchOne(byte* address) => *address;
}
