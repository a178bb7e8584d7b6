namespace Uffd.Paging;

/// <summary>
/// The memfd of a shared image and this process's own view of it, the only one that may ever write. Pages are put there by
/// UFFDIO_COPY into that view (docs/adr/0007): each appears in the memfd whole or not at all, and where there is no memory for it that is
/// an errno, where a store would end this process with SIGBUS.
/// </summary>
internal sealed unsafe class ImageMemory : IDisposable
{
    private const int EagerTries = 1000;

    private readonly MemoryMapping _view;
    private readonly Userfaultfd _userfaultfd;

    private ImageMemory(MemoryMapping view, SafeDescriptorHandle file)
    {
        _view = view;
        File = file;

        // Nobody waits in this view, and nobody answers for it: what looks into it from the kernel (a debugger) must not wait either.
        _userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { FaultScope = UffdFaultScope.UserOnly });
        try
        {
            _userfaultfd.Register(view.Range, UffdRegisterModes.Missing);
        }
        catch
        {
            _userfaultfd.Dispose();
            throw;
        }
    }

    /// <summary>The memfd.</summary>
    public SafeDescriptorHandle File { get; }

    /// <summary>Where this process sees it.</summary>
    public AddressRange Range => _view.Range;

    /// <summary>Makes a memfd that whoever gets a copy of can map privately and read, and neither write nor resize.</summary>
    public static ImageMemory Create(string name, ulong length)
    {
        var view = MemoryMapping.CreateMemfd(name, length, new MemoryMappingOptions { Sealable = true, NoReserve = true });
        try
        {
            var memory = Over(view, view.Descriptor!);
            Memfd.Seal(view.Descriptor!, MemfdSeals.Shrink | MemfdSeals.Grow | MemfdSeals.FutureWrite | MemfdSeals.Seal);
            return memory;
        }
        catch
        {
            view.Dispose();
            throw;
        }
    }

    /// <summary>Uses a file of a tmpfs in place of a memfd, without seals.</summary>
    /// <param name="view">A shared mapping of all of it; owned.</param>
    /// <param name="file">The file; not owned.</param>
    internal static ImageMemory Over(MemoryMapping view, SafeDescriptorHandle file) => new(view, file);

    /// <summary>Puts bytes into pages.</summary>
    /// <param name="offset">Where: whole pages.</param>
    /// <param name="address">Where the bytes are.</param>
    /// <param name="length">How many: whole pages.</param>
    /// <returns>
    /// Bytes is what is there now. EFAULT: the bytes behind it cannot be read; ENOMEM: no memory; EEXIST: the next page is there, as zeros:
    /// somebody who has the memfd has read it before us.
    /// </returns>
    public UffdResult Put(ulong offset, ulong address, ulong length)
    {
        ulong done = 0;
        UffdResult result = default;
        for (int tries = 0; done < length && tries < EagerTries; tries++)
        {
            result = _userfaultfd.CopyAll(new AddressRange(Range.Start + offset + done, length - done), address + done);
            done += result.Bytes;
            if (!result.ShouldRetry)
            {
                break;
            }
        }

        return result with { Bytes = done };
    }

    /// <summary>Stores into a page that is there already.</summary>
    /// <param name="offset">Where: one whole page.</param>
    /// <param name="address">Plain memory of this process.</param>
    /// <param name="length">The page's size.</param>
    /// <exception cref="UffdException">The page cannot be had (ENOMEM, EFAULT): a store would have been SIGBUS.</exception>
    public void Overwrite(ulong offset, ulong address, ulong length)
    {
        _view.Advise(MemoryAdvice.PopulateWrite, new AddressRange(Range.Start + offset, length));
        Buffer.MemoryCopy((void*)address, (void*)(Range.Start + offset), length, length); // inside the view: Advise has looked
    }

    public void Dispose()
    {
        _view.Dispose();
        _userfaultfd.Dispose(); // its memory is gone: there is nothing that could turn into zeros
    }
}
