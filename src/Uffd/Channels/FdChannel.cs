using System.Text;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>What one receive brought.</summary>
/// <param name="Bytes">How many bytes; 0 at the end of the stream.</param>
/// <param name="WouldBlock">Whether nothing was there yet, on a non-blocking channel.</param>
/// <param name="DescriptorsTruncated">Whether the other side sent more descriptors than a message may carry here, and the rest were lost.</param>
public readonly record struct FdReceiveResult(int Bytes, bool WouldBlock, bool DescriptorsTruncated)
{
    /// <summary>Whether the other side has closed.</summary>
    public bool IsEnd => Bytes == 0 && !WouldBlock;
}

/// <summary>
/// A connected Unix stream socket that carries descriptors beside bytes (SCM_RIGHTS, unix(7), cmsg(3)). What is received is
/// owned, with close-on-exec set, before anything about the message is checked.
/// </summary>
public sealed unsafe class FdChannel : IDisposable
{
    /// <summary>The most descriptors that one message carries here; Linux allows 253.</summary>
    public const int MaxDescriptors = 32;

    /// <summary>Wraps a connected socket.</summary>
    /// <param name="socket">Owned from now on.</param>
    public FdChannel(SafeDescriptorHandle socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        Handle = socket;
    }

    /// <summary>The socket, to poll.</summary>
    public SafeDescriptorHandle Handle { get; }

    /// <summary>Connects to a listener.</summary>
    /// <param name="path">Its socket.</param>
    /// <exception cref="UffdException">ENOENT: no such socket; ECONNREFUSED: nobody listens; EACCES: not allowed.</exception>
    public static FdChannel Connect(string path)
    {
        sockaddr_un address = UnixAddress.Create(path, out uint length);
        SafeDescriptorHandle socket = UnixAddress.NewSocket(nonBlocking: false);
        if (LibC.Connect(socket, &address, length) != 0)
        {
            Errno errno = Kernel.LastErrno;
            socket.Dispose();
            throw new UffdException($"cannot connect to {path}", errno, errno switch
            {
                Errno.ENOENT => "is the daemon running? start it with: uffd serve --socket PATH --image FILE",
                Errno.ECONNREFUSED => "nobody listens there any more; start the daemon again",
                Errno.EACCES => "only the socket's owner and root may connect",
                _ => null,
            });
        }

        return new FdChannel(socket);
    }

    /// <summary>Makes two channels that are connected to each other.</summary>
    public static (FdChannel First, FdChannel Second) CreatePair()
    {
        int* pair = stackalloc int[2];
        if (LibC.SocketPair(DescriptorAbi.AF_UNIX, DescriptorAbi.SOCK_STREAM | DescriptorAbi.SOCK_CLOEXEC, 0, pair) != 0)
        {
            throw Kernel.Failure("socketpair");
        }

        return (new FdChannel(new SafeDescriptorHandle(pair[0])), new FdChannel(new SafeDescriptorHandle(pair[1])));
    }

    /// <summary>Whether sending and receiving return at once when they would have to wait.</summary>
    /// <param name="nonBlocking">True to return at once.</param>
    public void SetNonBlocking(bool nonBlocking) => Kernel.SetNonBlocking(Handle, nonBlocking);

    /// <summary>Who is on the other end.</summary>
    public PeerCredentials GetPeer()
    {
        ucred credentials;
        uint length = (uint)sizeof(ucred);
        return LibC.GetSockOpt(Handle, DescriptorAbi.SOL_SOCKET, DescriptorAbi.SO_PEERCRED, &credentials, &length) == 0
            ? new PeerCredentials(credentials.pid, credentials.uid, credentials.gid)
            : throw Kernel.Failure("getsockopt(SO_PEERCRED)");
    }

    /// <summary>
    /// A handle to the process on the other end, free of the reuse of process ids where the kernel can (SO_PEERPIDFD, 6.5),
    /// else found by its id. Null when that process has gone.
    /// </summary>
    /// <exception cref="UffdException">EMFILE, ENFILE: no descriptor is left.</exception>
    public ProcessHandle? OpenPeerProcess()
    {
        int descriptor;
        uint length = sizeof(int);
        if (LibC.GetSockOpt(Handle, DescriptorAbi.SOL_SOCKET, DescriptorAbi.SO_PEERPIDFD, &descriptor, &length) == 0)
        {
            return new ProcessHandle(new SafeDescriptorHandle(descriptor), GetPeer().ProcessId);
        }

        // Only a kernel that does not know the option may be asked by id: otherwise the process has gone, and its id may
        // be another's by now.
        return Kernel.LastErrno switch
        {
            Errno.ENOPROTOOPT => ProcessHandle.TryOpen(GetPeer().ProcessId),
            Errno.EMFILE or Errno.ENFILE => throw Kernel.Failure("getsockopt(SO_PEERPIDFD)"),
            _ => null,
        };
    }

    /// <summary>Sends bytes with descriptors beside the first of them. Sends all of them, in pieces where needed.</summary>
    /// <param name="bytes">At least one when there are descriptors.</param>
    /// <param name="descriptors">Stay owned by the caller; the other side gets copies.</param>
    /// <exception cref="ArgumentException">Descriptors without a byte: a stream would lose them without a word.</exception>
    /// <exception cref="UffdException">EPIPE, ECONNRESET: the other side has closed; EAGAIN: it does not read.</exception>
    public void Send(ReadOnlySpan<byte> bytes, params ReadOnlySpan<SafeDescriptorHandle> descriptors)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(descriptors.Length, MaxDescriptors, nameof(descriptors));
        if (bytes.IsEmpty && !descriptors.IsEmpty)
        {
            throw new ArgumentException("a stream carries descriptors beside at least one byte", nameof(bytes));
        }

        int sent = SendSome(bytes, descriptors, DescriptorAbi.MSG_NOSIGNAL);
        while (sent < bytes.Length)
        {
            sent += SendSome(bytes[sent..], [], DescriptorAbi.MSG_NOSIGNAL);
        }
    }

    /// <summary>Sends bytes if the other side has room for them, and never waits.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <returns>Whether all went out.</returns>
    public bool TrySend(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            var vector = new iovec { iov_base = start, iov_len = (nuint)bytes.Length };
            var message = new msghdr { msg_iov = &vector, msg_iovlen = 1 };
            return LibC.SendMsg(Handle, &message, DescriptorAbi.MSG_NOSIGNAL | DescriptorAbi.MSG_DONTWAIT) == bytes.Length;
        }
    }

    /// <summary>Sends what the other side has room for, with descriptors beside the first byte, and never waits.</summary>
    /// <param name="bytes">At least one.</param>
    /// <param name="descriptors">Stay owned by the caller. They go with the first byte: send none with the rest.</param>
    /// <returns>How many bytes went out; 0 when there is no room, and then no descriptor went either.</returns>
    /// <exception cref="UffdException">EPIPE, ECONNRESET: the other side has closed.</exception>
    public int SendAvailable(ReadOnlySpan<byte> bytes, params ReadOnlySpan<SafeDescriptorHandle> descriptors)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(descriptors.Length, MaxDescriptors, nameof(descriptors));
        ArgumentOutOfRangeException.ThrowIfZero(bytes.Length, nameof(bytes));
        try
        {
            return SendSome(bytes, descriptors, DescriptorAbi.MSG_NOSIGNAL | DescriptorAbi.MSG_DONTWAIT);
        }
        catch (UffdException exception) when (exception.Errno == Errno.EAGAIN)
        {
            return 0;
        }
    }

    /// <summary>Looks at the bytes that come next and leaves them and their descriptors where they are. Never waits.</summary>
    /// <param name="buffer">Receives them.</param>
    /// <returns>How many bytes, 0 at the end of the stream, or -1 when nothing has come yet.</returns>
    /// <exception cref="UffdException">ECONNRESET and the like.</exception>
    public int Peek(Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            var vector = new iovec { iov_base = start, iov_len = (nuint)buffer.Length };
            var message = new msghdr { msg_iov = &vector, msg_iovlen = 1 };
            nint seen;
            Errno errno;
            do
            {
                seen = LibC.RecvMsg(Handle, &message, DescriptorAbi.MSG_PEEK | DescriptorAbi.MSG_DONTWAIT);
                errno = Kernel.LastErrno;
            }
            while (seen < 0 && errno == Errno.EINTR);

            return seen >= 0 ? (int)seen
                : errno == Errno.EAGAIN ? -1
                : throw new UffdException("receiving from a socket", errno);
        }
    }

    /// <summary>Receives what is there, at most one message's descriptors.</summary>
    /// <param name="buffer">Receives the bytes.</param>
    /// <param name="descriptors">Receives the descriptors, owned by the caller from then on, even if this throws afterwards.</param>
    /// <exception cref="UffdException">ECONNRESET and the like.</exception>
    public FdReceiveResult Receive(Span<byte> buffer, ICollection<SafeDescriptorHandle> descriptors)
    {
        ArgumentNullException.ThrowIfNull(descriptors);
        int controlLength = ControlSpace(MaxDescriptors);
        byte* control = stackalloc byte[controlLength];
        fixed (byte* start = buffer)
        {
            var vector = new iovec { iov_base = start, iov_len = (nuint)buffer.Length };
            var message = new msghdr { msg_iov = &vector, msg_iovlen = 1, msg_control = control, msg_controllen = (nuint)controlLength };
            nint received;
            Errno errno;
            do
            {
                received = LibC.RecvMsg(Handle, &message, DescriptorAbi.MSG_CMSG_CLOEXEC);
                errno = Kernel.LastErrno;
            }
            while (received < 0 && errno == Errno.EINTR);

            if (received < 0)
            {
                return errno == Errno.EAGAIN
                    ? new FdReceiveResult(0, WouldBlock: true, DescriptorsTruncated: false)
                    : throw new UffdException("receiving from a socket", errno);
            }

            Adopt(in message, descriptors);
            return new FdReceiveResult((int)received, WouldBlock: false, (message.msg_flags & DescriptorAbi.MSG_CTRUNC) != 0);
        }
    }

    /// <summary>
    /// Lets nothing more come: from now on sending fails on the other side (EPIPE). What had been sent before can still be
    /// received, so that no descriptor is lost between the last look and the close.
    /// </summary>
    public void ShutDownReceiving() => _ = LibC.Shutdown(Handle, DescriptorAbi.SHUT_RD); // ENOTCONN: nothing comes anyway

    /// <summary>Closes the socket.</summary>
    public void Dispose() => Handle.Dispose();

    private static int ControlSpace(int descriptors)
        => Align(sizeof(cmsghdr)) + Align(descriptors * sizeof(int));

    private static int Align(int length) => (length + sizeof(nuint) - 1) & ~(sizeof(nuint) - 1);

    private static void Adopt(in msghdr message, ICollection<SafeDescriptorHandle> descriptors)
    {
        var control = new ReadOnlySpan<byte>(message.msg_control, (int)message.msg_controllen); // our own buffer, as far as the kernel filled it
        while (control.Length >= sizeof(cmsghdr))
        {
            cmsghdr header = System.Runtime.InteropServices.MemoryMarshal.Read<cmsghdr>(control);
            int length = (int)header.cmsg_len;
            if (length < sizeof(cmsghdr) || length > control.Length)
            {
                return;
            }

            if (header is { cmsg_level: DescriptorAbi.SOL_SOCKET, cmsg_type: DescriptorAbi.SCM_RIGHTS })
            {
                foreach (int descriptor in System.Runtime.InteropServices.MemoryMarshal.Cast<byte, int>(control[Align(sizeof(cmsghdr))..length]))
                {
                    descriptors.Add(new SafeDescriptorHandle(descriptor));
                }
            }

            control = control[Math.Min(Align(length), control.Length)..];
        }
    }

    private int SendSome(ReadOnlySpan<byte> bytes, ReadOnlySpan<SafeDescriptorHandle> descriptors, int flags)
    {
        int controlLength = descriptors.Length == 0 ? 0 : ControlSpace(descriptors.Length);
        byte* control = stackalloc byte[ControlSpace(MaxDescriptors)];
        int held = 0;
        Span<bool> references = stackalloc bool[MaxDescriptors];
        try
        {
            if (controlLength > 0)
            {
                var header = (cmsghdr*)control;
                *header = new cmsghdr
                {
                    cmsg_len = (nuint)(Align(sizeof(cmsghdr)) + (descriptors.Length * sizeof(int))),
                    cmsg_level = DescriptorAbi.SOL_SOCKET,
                    cmsg_type = DescriptorAbi.SCM_RIGHTS,
                };
                var numbers = (int*)(control + Align(sizeof(cmsghdr)));
                for (; held < descriptors.Length; held++)
                {
                    descriptors[held].DangerousAddRef(ref references[held]);
                    numbers[held] = (int)descriptors[held].DangerousGetHandle();
                }
            }

            fixed (byte* start = bytes)
            {
                var vector = new iovec { iov_base = start, iov_len = (nuint)bytes.Length };
                var message = new msghdr
                {
                    msg_iov = &vector,
                    msg_iovlen = 1,
                    msg_control = controlLength > 0 ? control : null,
                    msg_controllen = (nuint)controlLength,
                };
                nint sent;
                Errno errno;
                do
                {
                    sent = LibC.SendMsg(Handle, &message, flags);
                    errno = Kernel.LastErrno;
                }
                while (sent < 0 && errno == Errno.EINTR);

                return sent >= 0 ? (int)sent : throw new UffdException("sending to a socket", errno);
            }
        }
        finally
        {
            for (int index = 0; index < descriptors.Length; index++)
            {
                if (references[index])
                {
                    descriptors[index].DangerousRelease();
                }
            }
        }
    }
}

/// <summary>Unix socket addresses.</summary>
internal static unsafe class UnixAddress
{
    public static sockaddr_un Create(string path, out uint length)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        int bytes = Encoding.UTF8.GetByteCount(path);
        if (bytes >= sockaddr_un.PathCapacity)
        {
            throw new UffdException($"the socket path is {bytes} bytes long and at most {sockaddr_un.PathCapacity - 1} fit: use a shorter one ({path})");
        }

        var address = new sockaddr_un { sun_family = DescriptorAbi.AF_UNIX };
        Encoding.UTF8.GetBytes(path, new Span<byte>(address.sun_path, sockaddr_un.PathCapacity)); // fits: checked above
        length = (uint)(sizeof(ushort) + bytes + 1);
        return address;
    }

    public static SafeDescriptorHandle NewSocket(bool nonBlocking)
        => Kernel.Own(
            LibC.Socket(DescriptorAbi.AF_UNIX, DescriptorAbi.SOCK_STREAM | DescriptorAbi.SOCK_CLOEXEC | (nonBlocking ? DescriptorAbi.SOCK_NONBLOCK : 0), 0),
            "socket(AF_UNIX)");
}
