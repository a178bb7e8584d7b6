using System.Runtime.InteropServices;
using Uffd.Abi;
using Uffd.Interop;
using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests;

/// <summary>
/// The behaviours that the kernel's own tests of userfaultfd verify, each for the kinds of memory it is verified for there, by
/// this library. A case that a kernel cannot run says what it lacks; a kernel that has the feature bits must pass.
/// </summary>
public sealed partial class Conformance
{
    /// <summary>The handshake refuses what it does not know, and is done once.</summary>
    [Theory]
    [InlineData(UffdCreationMethod.SystemCall)]
    [InlineData(UffdCreationMethod.Device)]
    public void Api(UffdCreationMethod method)
    {
        UffdCreationAttempt attempt = UserfaultfdFactory.Try(method, UffdFaultScope.UserOnly, nonBlocking: true, out SafeUserfaultfdHandle? handle);
        Requires.Supported(method == UffdCreationMethod.SystemCall || attempt.Errno != Errno.ENOENT, "/dev/userfaultfd (Linux 6.1)");
        Requires.Supported(attempt.Errno != Errno.EINVAL, "UFFD_USER_MODE_ONLY (Linux 5.11)");
        Requires.That(attempt.Works, $"{attempt.Name} is not open to this caller: {attempt.Errno}");
        using (handle)
        {
            Assert.Equal(Errno.EINVAL, Handshake(handle!, UserfaultfdAbi.UFFD_API + 1, features: 0).Errno);
            Assert.Equal(Errno.EINVAL, Handshake(handle!, UserfaultfdAbi.UFFD_API, features: 1UL << 63).Errno);

            (Errno errno, uffdio_api told) = Handshake(handle!, UserfaultfdAbi.UFFD_API, features: 0);
            Assert.Equal(Errno.None, errno);
            Assert.Equal(Userfaultfd.SupportedFeatures, (UffdFeatures)told.features);
            const UffdIoctls Always = UffdIoctls.Api | UffdIoctls.Register | UffdIoctls.Unregister; // a later kernel may have more
            Assert.Equal(Always, (UffdIoctls)told.ioctls & Always);

            Assert.Equal(Errno.EINVAL, Handshake(handle!, UserfaultfdAbi.UFFD_API, features: 0).Errno);
        }
    }

    /// <summary>Each set of modes is taken or refused, and the operations that are offered follow from it.</summary>
    [Theory]
    [Memory]
    public void RegisterIoctls(MemoryKind memory)
    {
        using Area area = Area.Create(memory, UffdRegisterModes.None);
        for (UffdRegisterModes modes = 0; modes <= (UffdRegisterModes)7; modes++)
        {
            bool possible = modes != UffdRegisterModes.None
                && !(modes.HasFlag(UffdRegisterModes.Minor) && memory.IsAnonymous())
                && (memory.Needs(modes) & ~Userfaultfd.SupportedFeatures) == UffdFeatures.None;
            if (!possible)
            {
                Assert.Equal(Errno.EINVAL, Assert.Throws<UffdException>(() => area.Userfaultfd.Register(area.Range, modes)).Errno);
                continue;
            }

            UffdIoctls offered = area.Userfaultfd.Register(area.Range, modes);
            UffdIoctls expected = UffdIoctls.Wake
                | (modes.HasFlag(UffdRegisterModes.Missing) ? UffdIoctls.Copy : 0)
                | (modes.HasFlag(UffdRegisterModes.WriteProtect) ? UffdIoctls.WriteProtect : 0)
                | (modes.HasFlag(UffdRegisterModes.Minor) ? UffdIoctls.Continue : 0);
            Assert.Equal(expected, offered & expected);
            if (!modes.HasFlag(UffdRegisterModes.WriteProtect))
            {
                Assert.False(offered.HasFlag(UffdIoctls.WriteProtect));
            }

            if (!modes.HasFlag(UffdRegisterModes.Minor))
            {
                Assert.False(offered.HasFlag(UffdIoctls.Continue));
            }

            area.Userfaultfd.Unregister(area.Range).ThrowIfIncomplete();
        }
    }

    private static unsafe (Errno Errno, uffdio_api Told) Handshake(SafeUserfaultfdHandle handle, ulong api, ulong features)
    {
        var argument = new uffdio_api { api = api, features = features };
        int answer = LibC.Ioctl(handle, UserfaultfdAbi.UFFDIO_API, &argument);
        return (answer == 0 ? Errno.None : (Errno)Marshal.GetLastPInvokeError(), argument);
    }
}
