using System.Runtime.InteropServices;
using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>A process's state and the parent's path as the bytes of docs/snapshot-image.md.</summary>
internal static class StateFormat
{
    public const uint Version = 1;

    private const int LeastThreadLength = 64;
    private const int LeastRegionLength = 48;

    // As ELF numbers machines (e_machine): numbers that do not depend on .NET.
    private static readonly (Architecture Architecture, uint Machine)[] Machines =
    [
        (Architecture.X64, 62), (Architecture.Arm64, 183), (Architecture.X86, 3), (Architecture.Arm, 40),
        (Architecture.S390x, 22), (Architecture.Ppc64le, 21), (Architecture.RiscV64, 243), (Architecture.LoongArch64, 258),
    ];

    public static void Encode(StateEncoder to, ProcessState state, string parentPath)
    {
        to.Number(Version);
        to.Text(parentPath);
        to.Number(state.ProcessId);
        to.Number(state.ParentProcessId);
        to.Number(state.ProcessGroup);
        to.Number(state.Session);
        to.Number(state.UserId);
        to.Number(state.GroupId);
        to.Number((uint)state.State);
        to.Number(state.Nice);
        to.Number(state.KernelFlags);
        to.Text(state.Name);
        to.Number(state.Arguments.Count);
        foreach (string argument in state.Arguments)
        {
            to.Text(argument);
        }

        to.Text(state.Executable);
        to.Data(state.AuxiliaryVector.Span);
        to.Number(MachineOf(state.Architecture));
        to.Text(state.KernelRelease);
        to.Number(state.PageSize);
        to.Number(state.Taken.UtcTicks);
        to.Number((int)state.Taken.Offset.TotalMinutes);
        to.Number(state.Threads.Count);
        foreach (ThreadState thread in state.Threads)
        {
            Encode(to, thread);
        }

        to.Number(state.Regions.Count);
        foreach (SnapshotRegion region in state.Regions)
        {
            Encode(to, region);
        }
    }

    /// <exception cref="InvalidDataException">They are none.</exception>
    public static (ProcessState State, string ParentPath) Decode(ReadOnlySpan<byte> bytes)
    {
        var from = new StateDecoder(bytes);
        uint version = from.UInt32();
        if (version != Version)
        {
            throw new InvalidDataException($"its process's state is of version {version}, and this program reads version {Version}");
        }

        string parent = from.Text();
        var state = new ProcessState
        {
            ProcessId = from.Int32(),
            ParentProcessId = from.Int32(),
            ProcessGroup = from.Int32(),
            Session = from.Int32(),
            UserId = from.UInt32(),
            GroupId = from.UInt32(),
            State = DecodeLetter(from.UInt32()),
            Nice = from.Int32(),
            KernelFlags = from.UInt64(),
            Name = from.Text(),
            Arguments = DecodeArguments(ref from),
            Executable = from.Text(),
            AuxiliaryVector = from.Data().ToArray(),
            Architecture = ArchitectureOf(from.UInt32()),
            KernelRelease = from.Text(),
            PageSize = from.Int32(),
            Taken = DecodeTime(from.Int64(), from.Int32()),
            Threads = DecodeThreads(ref from),
            Regions = DecodeRegions(ref from),
        };
        return from.IsAtEnd ? (state, parent) : throw StateDecoder.Damaged("something follows it");
    }

    private static void Encode(StateEncoder to, ThreadState thread)
    {
        to.Number(thread.ThreadId);
        to.Text(thread.Name);
        to.Data(thread.General.Span);
        to.Data(thread.FloatingPoint.Span);
        to.Data(thread.Extended.Span);
        to.Data(thread.SignalInformation.Span);
        to.Number(thread.PendingSignals);
        to.Number(thread.BlockedSignals);
        to.Number(thread.UserTime.Ticks);
        to.Number(thread.SystemTime.Ticks);
    }

    private static void Encode(StateEncoder to, SnapshotRegion region)
    {
        to.Number(region.Mapping.Range.Start);
        to.Number(region.Mapping.Range.Length);
        to.Number((uint)region.Mapping.Permissions);
        to.Number((uint)region.Content);
        to.Number(region.Mapping.Offset);
        to.Number(region.Mapping.Device);
        to.Number(region.Mapping.Inode);
        to.Text(region.Mapping.Name);
    }

    private static string[] DecodeArguments(ref StateDecoder from)
    {
        string[] arguments = new string[from.Count(sizeof(uint))];
        for (int index = 0; index < arguments.Length; index++)
        {
            arguments[index] = from.Text();
        }

        return arguments;
    }

    private static ThreadState[] DecodeThreads(ref StateDecoder from)
    {
        var threads = new ThreadState[from.Count(LeastThreadLength - 8)];
        for (int index = 0; index < threads.Length; index++)
        {
            threads[index] = new ThreadState
            {
                ThreadId = from.Int32(),
                Name = from.Text(),
                General = from.Data().ToArray(),
                FloatingPoint = from.Data().ToArray(),
                Extended = from.Data().ToArray(),
                SignalInformation = from.Data().ToArray(),
                PendingSignals = from.UInt64(),
                BlockedSignals = from.UInt64(),
                UserTime = TimeSpan.FromTicks(from.Int64()),
                SystemTime = TimeSpan.FromTicks(from.Int64()),
            };
        }

        return threads;
    }

    private static SnapshotRegion[] DecodeRegions(ref StateDecoder from)
    {
        var regions = new SnapshotRegion[from.Count(LeastRegionLength)];
        ulong end = 0;
        for (int index = 0; index < regions.Length; index++)
        {
            (ulong start, ulong length) = (from.UInt64(), from.UInt64());
            if (start < end || length == 0 || length > ulong.MaxValue - start || (start | length) % ImageFormat.MinPageSize != 0)
            {
                throw StateDecoder.Damaged("its mappings overlap, or are out of order");
            }

            end = start + length;
            var permissions = (RegionPermissions)from.UInt32();
            uint content = from.UInt32();
            if (content > (uint)RegionContent.Changed || (permissions & ~(RegionPermissions.Read | RegionPermissions.Write | RegionPermissions.Execute | RegionPermissions.Shared)) != 0)
            {
                throw StateDecoder.Damaged("a mapping has permissions or content that do not exist");
            }

            var mapping = new MappedRegion(new AddressRange(start, length), permissions, from.UInt64(), from.UInt64(), from.UInt64(), from.Text());
            regions[index] = new SnapshotRegion(mapping, (RegionContent)content);
        }

        return regions;
    }

    private static char DecodeLetter(uint letter) => letter <= char.MaxValue ? (char)letter : throw StateDecoder.Damaged("a letter is none");

    private static DateTimeOffset DecodeTime(long ticks, int minutes)
    {
        try
        {
            return new DateTimeOffset(ticks, TimeSpan.Zero).ToOffset(TimeSpan.FromMinutes((long)minutes));
        }
        catch (ArgumentException)
        {
            throw StateDecoder.Damaged("a time is none");
        }
    }

    private static uint MachineOf(Architecture architecture)
    {
        foreach ((Architecture known, uint machine) in Machines)
        {
            if (known == architecture)
            {
                return machine;
            }
        }

        throw new NotSupportedException($"images cannot hold processes of {architecture}");
    }

    private static Architecture ArchitectureOf(uint machine)
    {
        foreach ((Architecture architecture, uint known) in Machines)
        {
            if (known == machine)
            {
                return architecture;
            }
        }

        throw StateDecoder.Damaged("its machine is not known");
    }
}
