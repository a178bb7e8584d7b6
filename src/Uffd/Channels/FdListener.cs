using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>
/// A listening Unix socket that only its owner and root may connect to: its file has the mode 0600 from its first moment. A
/// socket file that a crashed listener left is replaced; one that somebody listens on is not.
/// </summary>
public sealed unsafe class FdListener : IDisposable
{
    private const int OwnerOnly = 0x180; // 0600
    private const int Backlog = 128;

    private readonly FileIdentity? _file;

    private FdListener(SafeDescriptorHandle socket, string path)
    {
        Handle = socket;
        Path = path;
        _file = FileIdentity.Of(path);
    }

    /// <summary>The socket, to poll.</summary>
    public SafeDescriptorHandle Handle { get; }

    /// <summary>Where it listens.</summary>
    public string Path { get; }

    /// <summary>Listens.</summary>
    /// <param name="path">The socket file to make.</param>
    /// <param name="mode">The file's permission bits. Default 0600; anything wider lets others hand in their memory.</param>
    /// <exception cref="UffdException">EADDRINUSE: somebody listens there, or it is no socket; EACCES, ENOENT: the folder.</exception>
    public static FdListener Listen(string path, UnixFileMode mode = (UnixFileMode)OwnerOnly)
    {
        sockaddr_un address = UnixAddress.Create(path, out uint length);
        RemoveStale(path);
        SafeDescriptorHandle socket = UnixAddress.NewSocket(nonBlocking: true);
        try
        {
            // On Linux the socket's own mode becomes that of the file at bind(2): there is no moment in which it is wider.
            if (LibC.FChMod(socket, (uint)mode) != 0)
            {
                throw Kernel.Failure("fchmod of a socket");
            }

            if (LibC.Bind(socket, &address, length) != 0)
            {
                Errno errno = Kernel.LastErrno;
                throw new UffdException($"cannot listen on {path}", errno, errno switch
                {
                    Errno.EADDRINUSE => "another process listens there, or the file is no socket: choose another path",
                    Errno.ENOENT => "the folder does not exist",
                    Errno.EACCES => "the folder may not be written",
                    _ => null,
                });
            }

            // bind(2) has applied the umask, which would keep out whom a wider mode lets in. Nobody can connect yet.
            if (((int)mode & ~OwnerOnly) != 0 && LibC.ChMod(path, (uint)mode) != 0)
            {
                throw Kernel.Failure($"chmod of {path}");
            }

            if (LibC.Listen(socket, Backlog) != 0)
            {
                throw Kernel.Failure($"cannot listen on {path}");
            }

            return new FdListener(socket, path);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Accepts one connection if one waits.</summary>
    /// <returns>A non-blocking channel, or null when none waits or it has gone again.</returns>
    /// <exception cref="UffdException">EMFILE, ENFILE: no descriptor is left; the connection goes on waiting.</exception>
    public FdChannel? TryAccept()
    {
        nint accepted = LibC.Accept(Handle, null, null, DescriptorAbi.SOCK_CLOEXEC | DescriptorAbi.SOCK_NONBLOCK);
        if (accepted >= 0)
        {
            return new FdChannel(new SafeDescriptorHandle(accepted));
        }

        Errno errno = Kernel.LastErrno;
        return errno is Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM
            ? throw new UffdException("cannot accept a connection", errno, "raise it with: ulimit -n 65536")
            : null;
    }

    /// <summary>Stops listening and removes the file, unless another listener has put its own there meanwhile.</summary>
    public void Dispose()
    {
        if (!Handle.IsClosed)
        {
            if (_file is not null && FileIdentity.Of(Path) == _file)
            {
                File.Delete(Path);
            }

            Handle.Dispose();
        }
    }

    /// <summary>Removes the file of a listener that is gone: a socket that refuses connections.</summary>
    private static void RemoveStale(string path)
    {
        sockaddr_un address = UnixAddress.Create(path, out uint length);
        using SafeDescriptorHandle probe = UnixAddress.NewSocket(nonBlocking: true);
        if (LibC.Connect(probe, &address, length) != 0 && Kernel.LastErrno == Errno.ECONNREFUSED && FileIdentity.Of(path) is { IsSocket: true })
        {
            File.Delete(path);
        }
    }
}
