using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Uffd.Testing;

/// <summary>
/// Touches memory that may be missing. Each touch is an ordinary P/Invoke on a thread of its own, in preemptive mode: a
/// collection never waits for the page, so a handler in this process can bring it. A touch that never comes back fails the
/// test by its timeout, and its thread does not keep the process.
/// </summary>
public static partial class NativeTouch
{
    /// <summary>How long a touch may wait where nothing else is said.</summary>
    public static readonly TimeSpan DefaultTimeout = TestTime.Scaled(TimeSpan.FromSeconds(10));

    private static readonly ConcurrentDictionary<Task, AddressRange> Running = new();

    /// <summary>Reads memory.</summary>
    /// <param name="address">Where.</param>
    /// <param name="length">How many bytes.</param>
    /// <param name="timeout">How long to wait; null for <see cref="DefaultTimeout"/>.</param>
    /// <returns>The bytes.</returns>
    /// <exception cref="TimeoutException">A page did not come.</exception>
    public static unsafe Task<byte[]> ReadAsync(ulong address, int length, TimeSpan? timeout = null)
        => Run(
            () =>
            {
                // The kernel cannot see a managed buffer move; native memory does not.
                void* buffer = NativeMemory.Alloc((nuint)length);
                MemCopy(buffer, (void*)address, (nuint)length);
                byte[] bytes = new ReadOnlySpan<byte>(buffer, length).ToArray();
                NativeMemory.Free(buffer);
                return bytes;
            },
            new AddressRange(address, (ulong)length),
            timeout);

    /// <summary>Reads one byte.</summary>
    /// <param name="address">Where.</param>
    /// <param name="timeout">How long to wait; null for <see cref="DefaultTimeout"/>.</param>
    /// <exception cref="TimeoutException">The page did not come.</exception>
    public static async Task<byte> ReadByteAsync(ulong address, TimeSpan? timeout = null)
    {
        byte[] bytes = await ReadAsync(address, 1, timeout);
        return bytes[0];
    }

    /// <summary>Writes one value over a range.</summary>
    /// <param name="address">Where.</param>
    /// <param name="value">The value of every byte.</param>
    /// <param name="length">How many bytes.</param>
    /// <param name="timeout">How long to wait; null for <see cref="DefaultTimeout"/>.</param>
    /// <exception cref="TimeoutException">A page did not come, or stayed protected.</exception>
    public static unsafe Task FillAsync(ulong address, byte value, ulong length, TimeSpan? timeout = null)
        => Run(
            () =>
            {
                MemSet((void*)address, value, (nuint)length);
                return true;
            },
            new AddressRange(address, length),
            timeout);

    /// <summary>Writes one byte.</summary>
    /// <param name="address">Where.</param>
    /// <param name="value">The value.</param>
    /// <param name="timeout">How long to wait; null for <see cref="DefaultTimeout"/>.</param>
    /// <exception cref="TimeoutException">The page did not come, or stayed protected.</exception>
    public static Task WriteByteAsync(ulong address, byte value, TimeSpan? timeout = null) => FillAsync(address, value, 1, timeout);

    /// <summary>Reads the first byte of each page of a range, in order.</summary>
    /// <param name="range">The range.</param>
    /// <param name="pageSize">The step, in bytes.</param>
    /// <param name="timeout">How long all of it may take; null for <see cref="DefaultTimeout"/>.</param>
    /// <exception cref="TimeoutException">A page did not come.</exception>
    public static unsafe Task<byte[]> ReadPagesAsync(AddressRange range, ulong pageSize, TimeSpan? timeout = null)
        => Run(
            () =>
            {
                byte* one = (byte*)NativeMemory.Alloc(1);
                byte[] values = new byte[range.Length / pageSize];
                for (int page = 0; page < values.Length; page++)
                {
                    MemCopy(one, (void*)(range.Start + ((ulong)page * pageSize)), 1);
                    values[page] = *one;
                }

                NativeMemory.Free(one);
                return values;
            },
            range,
            timeout);

    /// <summary>Runs something that may get stuck in a system call on a thread of its own.</summary>
    /// <param name="action">It must touch registered memory from system calls only.</param>
    /// <param name="timeout">How long to wait; null for <see cref="DefaultTimeout"/>.</param>
    /// <exception cref="TimeoutException">It did not come back.</exception>
    public static Task<T> Run<T>(Func<T> action, TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(action);
        return Run(action, default, timeout);
    }

    /// <summary>
    /// Waits until no touch of a range runs any more, whatever became of it. For who is about to unmap: a touch whose page came
    /// late, or never, would end the process. The pages must have come, or the userfaultfd must have been closed.
    /// </summary>
    /// <param name="range">The range.</param>
    /// <exception cref="TimeoutException">A touch still waits.</exception>
    public static void WaitForEnd(AddressRange range)
    {
        foreach (Task task in Running.Where(touch => touch.Value.Overlaps(range)).Select(touch => touch.Key))
        {
            if (!((IAsyncResult)task).AsyncWaitHandle.WaitOne(DefaultTimeout))
            {
                throw new TimeoutException($"a touch in {range} does not end");
            }
        }
    }

    private static Task<T> Run<T>(Func<T> action, AddressRange touched, TimeSpan? timeout)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Running[completion.Task] = touched;
        var thread = new Thread(() =>
        {
            try
            {
                completion.SetResult(action());
            }
            catch (Exception exception)
            {
                completion.SetException(exception);
            }

            Running.TryRemove(completion.Task, out _);
        })
        {
            IsBackground = true,
            Name = "touch",
        };
        thread.Start();
        return completion.Task.WaitAsync(timeout ?? DefaultTimeout);
    }

    // Never with SuppressGCTransition: a thread that waits for its page in cooperative mode stops every collection.
    [LibraryImport("libc", EntryPoint = "memcpy")]
    private static unsafe partial void* MemCopy(void* destination, void* source, nuint length);

    [LibraryImport("libc", EntryPoint = "memset")]
    private static unsafe partial void* MemSet(void* destination, int value, nuint length);
}
