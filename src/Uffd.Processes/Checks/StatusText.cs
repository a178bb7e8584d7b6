using System.Globalization;
using Uffd.Diagnostics;

namespace Uffd.Processes;

/// <summary>The lines of proc_pid_status(5) that matter here. What is not told is null.</summary>
internal sealed record StatusText
{
    private const int Effective = 1;

    /// <summary>The letter of State: R, S, D, T, t, Z, X.</summary>
    public char State { get; private init; }

    /// <summary>The process that the thread belongs to.</summary>
    public int? ThreadGroupId { get; private init; }

    /// <summary>Who traces the thread; 0 for nobody.</summary>
    public int TracerId { get; private init; }

    /// <summary>The real, effective and saved user id, and the file system's; empty when not told.</summary>
    public IReadOnlyList<uint> UserIds { get; private init; } = [];

    /// <summary>The same of groups.</summary>
    public IReadOnlyList<uint> GroupIds { get; private init; } = [];

    /// <summary>The permitted capabilities.</summary>
    public ulong Permitted { get; private init; }

    /// <summary>The effective capabilities.</summary>
    public ulong EffectiveCapabilities { get; private init; }

    /// <summary>0 none, 1 strict, 2 a filter.</summary>
    public int SeccompMode { get; private init; }

    /// <summary>Whether the thread runs with a shadow stack (x86_Thread_features, Linux 6.6).</summary>
    public bool HasShadowStack { get; private init; }

    /// <summary>Whether the thread has ended.</summary>
    public bool IsDead => State is 'Z' or 'X';

    /// <summary>The effective user id.</summary>
    public uint? EffectiveUserId => UserIds.Count > Effective ? UserIds[Effective] : null;

    /// <summary>Whether a capability is in the effective set.</summary>
    public bool Has(int capability) => (EffectiveCapabilities >> capability & 1) != 0;

    /// <summary>Reads a file, or null when it cannot be read.</summary>
    public static StatusText? TryRead(string path) => HostInspection.Read(path) is { Length: > 0 } text ? Parse(text) : null;

    /// <summary>Reads the text.</summary>
    public static StatusText Parse(string text) => new()
    {
        State = ProcText.Field(text, "State") is [var state, ..] ? state : '?',
        ThreadGroupId = (int?)Number(text, "Tgid"),
        TracerId = (int)(Number(text, "TracerPid") ?? 0),
        UserIds = Ids(text, "Uid"),
        GroupIds = Ids(text, "Gid"),
        Permitted = Bits(text, "CapPrm"),
        EffectiveCapabilities = Bits(text, "CapEff"),
        SeccompMode = (int)(Number(text, "Seccomp") ?? 0),
        HasShadowStack = ProcText.Field(text, "x86_Thread_features")?.Split(' ').Contains("shstk", StringComparer.Ordinal) == true,
    };

    private static long? Number(string text, string name)
        => ProcText.Number(ProcText.Field(text, name)) is { } value and >= 0 and <= int.MaxValue ? value : null;

    private static ulong Bits(string text, string name)
        => ulong.TryParse(ProcText.Field(text, name), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong bits) ? bits : 0;

    private static uint[] Ids(string text, string name)
    {
        string[] words = ProcText.Field(text, name)?.Split(['\t', ' '], StringSplitOptions.RemoveEmptyEntries) ?? [];
        uint[] ids = [.. words.Select(word => uint.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out uint id) ? id : uint.MaxValue)];
        return ids.Length == 4 ? ids : [];
    }
}
