using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Uffd.Paging;

namespace Uffd.Bench;

/// <summary>A file that is read and written past the page cache (O_DIRECT).</summary>
internal sealed partial class DirectFileStore : IPageStore
{
    private const int ReadWrite = 2;
    private const int CloseOnExec = 0x80000;

    private readonly SafeFileHandle file;

    public DirectFileStore(string path)
    {
        var direct = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 ? 0x10000 : 0x4000;
        var descriptor = Open(path, ReadWrite | CloseOnExec | direct);
        if (descriptor < 0)
        {
            throw new IOException($"{path} cannot be opened past the page cache: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        file = new SafeFileHandle(descriptor, ownsHandle: true);
        Length = (ulong)RandomAccess.GetLength(file);
    }

    public ulong Length { get; }

    public void Read(ulong offset, Span<byte> destination)
    {
        var got = RandomAccess.Read(file, destination, (long)offset);
        destination[got..].Clear();
    }

    public void Write(ulong offset, ReadOnlySpan<byte> source) => RandomAccess.Write(file, source, (long)offset);

    public void Flush() => RandomAccess.FlushToDisk(file);

    public void Dispose() => file.Dispose();

    [LibraryImport("libc", EntryPoint = "open64", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
