using System.Text.Json;
using System.Text.Json.Serialization;

namespace Uffd.Paging;

/// <summary>What a message is.</summary>
internal enum RawMessageKind
{
    /// <summary>Client: open this store. The first message.</summary>
    Open,

    /// <summary>Pager: it is open, and so long.</summary>
    Opened,

    /// <summary>Client: serve this memory. With the userfaultfd and the memfd.</summary>
    Serve,

    /// <summary>Pager, guardian: it is served, or guarded.</summary>
    Ready,

    /// <summary>Client: save what is dirty.</summary>
    Flush,

    /// <summary>Client: tell what was counted.</summary>
    Count,

    /// <summary>Client: the end; nobody touches the memory any more. Pager to guardian: all is settled.</summary>
    End,

    /// <summary>Pager: the answer to a request, with its number.</summary>
    Done,

    /// <summary>Pager: something the client should know.</summary>
    Notice,

    /// <summary>Pager, guardian: it cannot be done. The last message.</summary>
    Refused,

    /// <summary>Pager to guardian: settle this memory should I die. With the userfaultfd, the memfd and the client's pidfd.</summary>
    Guard,
}

/// <summary>A message between a region, its pager process and its guardian. Which properties it has depends on its kind.</summary>
internal sealed record RawMessage
{
    /// <summary>Of both sides, which come from one build mostly: raised when a message changes its meaning.</summary>
    public const int ProtocolVersion = 1;

    [JsonRequired]
    public RawMessageKind Kind { get; init; }

    public int Version { get; init; }

    public long Id { get; init; }

    public StoreDescription? Store { get; init; }

    public RawSettings? Settings { get; init; }

    public ulong Address { get; init; }

    public ulong Length { get; init; }

    public bool Discard { get; init; }

    public int ProcessId { get; init; }

    public RawNoticeKind Notice { get; init; }

    public FaultFailurePolicy OnPagerDeath { get; init; }

    public string? Text { get; init; }

    public RawRegionStatistics? Statistics { get; init; }
}

/// <summary>JSON without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RawMessage))]
internal sealed partial class RawJson : JsonSerializerContext
{
    public static byte[] Write(RawMessage message) => JsonSerializer.SerializeToUtf8Bytes(message, Default.RawMessage);

    /// <exception cref="InvalidDataException">It is no message.</exception>
    public static RawMessage Read(ReadOnlySpan<byte> text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, Default.RawMessage) ?? throw new InvalidDataException("a message is null");
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"a message cannot be read: {exception.Message}", exception);
        }
    }
}
