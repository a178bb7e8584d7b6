using System.Globalization;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>What /proc/self tells of a descriptor of this process.</summary>
internal static class DescriptorInfo
{
    private const ulong ContextInitialised = 1UL << 31; // UFFD_FEATURE_INITIALIZED, an internal bit that fdinfo shows

    public static bool IsUserfaultfd(SafeDescriptorHandle descriptor)
        => string.Equals(Describe(descriptor), "anon_inode:[userfaultfd]", StringComparison.Ordinal);

    /// <summary>What the descriptor refers to, as readlink shows it.</summary>
    public static string Describe(SafeDescriptorHandle descriptor)
    {
        bool held = false;
        try
        {
            descriptor.DangerousAddRef(ref held);
            string path = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{descriptor.DangerousGetHandle()}");
            return new FileInfo(path).LinkTarget ?? "unknown";
        }
        catch (IOException)
        {
            return "unknown";
        }
        finally
        {
            if (held)
            {
                descriptor.DangerousRelease();
            }
        }
    }

    /// <summary>Whether the handshake was done: before it, poll(2) reports an error even on a non-blocking descriptor.</summary>
    public static unsafe bool IsInitialised(SafeDescriptorHandle nonBlocking)
    {
        bool held = false;
        try
        {
            nonBlocking.DangerousAddRef(ref held);
            var poll = new pollfd { fd = (int)nonBlocking.DangerousGetHandle(), events = DescriptorAbi.POLLIN };
            return LibC.Poll(&poll, 1, 0) >= 0 && (poll.revents & DescriptorAbi.POLLERR) == 0;
        }
        finally
        {
            if (held)
            {
                nonBlocking.DangerousRelease();
            }
        }
    }

    /// <summary>The features agreed on a userfaultfd.</summary>
    public static UffdFeatures ReadFeatures(SafeDescriptorHandle descriptor)
    {
        string info;
        bool held = false;
        try
        {
            descriptor.DangerousAddRef(ref held);
            info = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fdinfo/{descriptor.DangerousGetHandle()}"));
        }
        finally
        {
            if (held)
            {
                descriptor.DangerousRelease();
            }
        }

        return ParseFeatures(info);
    }

    /// <summary>Parses the line <c>API: aa:FEATURES:IOCTLS</c> of fdinfo, all hexadecimal.</summary>
    internal static UffdFeatures ParseFeatures(string info)
    {
        foreach (string line in info.Split('\n'))
        {
            if (!line.StartsWith("API:", StringComparison.Ordinal))
            {
                continue;
            }

            string[] parts = line["API:".Length..].Trim().Split(':');
            if (parts.Length == 3 && ulong.TryParse(parts[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong bits))
            {
                return (UffdFeatures)(bits & ~ContextInitialised);
            }
        }

        return UffdFeatures.None;
    }
}
