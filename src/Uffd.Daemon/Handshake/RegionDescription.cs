using System.Buffers;
using System.Text.Json;

namespace Uffd.Daemon;

/// <summary>One region as the text of the handshake describes it.</summary>
/// <param name="Address">base_host_virt_addr: its first address in the client.</param>
/// <param name="Size">Its length in bytes.</param>
/// <param name="Offset">The byte of the image that belongs at its start.</param>
/// <param name="PageSize">Its page size in bytes; 0 where the client did not say.</param>
/// <param name="Shared">Whether it maps the daemon's own memfd of the image.</param>
internal readonly record struct RegionDescription(ulong Address, ulong Size, ulong Offset, ulong PageSize, bool Shared = false)
{
    /// <summary>The most regions that one client may have.</summary>
    public const int MaxRegions = 65536;

    /// <summary>Writes the text as Firecracker 1.12 and later do, compact.</summary>
    public static byte[] Write(IEnumerable<RegionDescription> regions)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            foreach (RegionDescription region in regions)
            {
                writer.WriteStartObject();
                writer.WriteNumber("base_host_virt_addr"u8, region.Address);
                writer.WriteNumber("size"u8, region.Size);
                writer.WriteNumber("offset"u8, region.Offset);
                writer.WriteNumber("page_size"u8, region.PageSize);
                writer.WriteNumber("page_size_kib"u8, region.PageSize);
                if (region.Shared)
                {
                    writer.WriteBoolean("shared"u8, true);
                }

                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>
    /// Reads the text of any Firecracker version: up to 1.6 without a page size, from 1.7 with page_size_kib (which holds
    /// bytes), from 1.12 with page_size before it. Fields that are not known are skipped.
    /// </summary>
    /// <param name="text">A whole JSON array.</param>
    /// <param name="fault">One line that says what is wrong, or null.</param>
    public static IReadOnlyList<RegionDescription> Parse(ReadOnlySpan<byte> text, out string? fault)
    {
        var regions = new List<RegionDescription>();
        try
        {
            var reader = new Utf8JsonReader(text);
            reader.Read(); // '[', as the boundary has seen
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (reader.TokenType != JsonTokenType.StartObject)
                {
                    fault = $"region {regions.Count} is not an object";
                    return [];
                }

                if (regions.Count == MaxRegions)
                {
                    fault = $"there are more than {MaxRegions} regions";
                    return [];
                }

                regions.Add(ReadRegion(ref reader, regions.Count, out fault));
                if (fault is not null)
                {
                    return [];
                }
            }

            while (reader.Read())
            {
                // Nothing may follow; Read throws if something does.
            }

            fault = regions.Count == 0 ? "there are no regions" : null;
            return regions;
        }
        catch (JsonException exception)
        {
            fault = $"the text is no valid JSON (byte {exception.BytePositionInLine})";
            return [];
        }
        catch (InvalidOperationException)
        {
            // The reader lets half a surrogate pair pass and throws this only when the name is compared.
            fault = "the text is no valid JSON (a name is no valid text)";
            return [];
        }
    }

    private static RegionDescription ReadRegion(ref Utf8JsonReader reader, int index, out string? fault)
    {
        ulong? address = null;
        ulong? size = null;
        ulong? offset = null;
        ulong? pageSize = 0;
        ulong? pageSizeKib = 0;
        bool? shared = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("base_host_virt_addr"u8))
            {
                address = ReadNumber(ref reader);
            }
            else if (reader.ValueTextEquals("size"u8))
            {
                size = ReadNumber(ref reader);
            }
            else if (reader.ValueTextEquals("offset"u8))
            {
                offset = ReadNumber(ref reader);
            }
            else if (reader.ValueTextEquals("page_size"u8))
            {
                pageSize = ReadOptionalNumber(ref reader);
            }
            else if (reader.ValueTextEquals("page_size_kib"u8))
            {
                pageSizeKib = ReadOptionalNumber(ref reader);
            }
            else if (reader.ValueTextEquals("shared"u8))
            {
                shared = ReadBoolean(ref reader);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        fault = address is null ? $"region {index} has no valid base_host_virt_addr"
            : size is null ? $"region {index} has no valid size"
            : offset is null ? $"region {index} has no valid offset"
            : pageSize is null ? $"region {index} has no valid page_size"
            : pageSizeKib is null ? $"region {index} has no valid page_size_kib"
            : shared is null ? $"region {index} has no valid shared"
            : null;
        return new RegionDescription(address ?? 0, size ?? 0, offset ?? 0, pageSize is > 0 ? pageSize.Value : pageSizeKib ?? 0, shared == true);
    }

    /// <summary>As <see cref="ReadNumber"/>; 0 where the client writes that there is none.</summary>
    private static ulong? ReadOptionalNumber(ref Utf8JsonReader reader)
    {
        ulong? value = ReadNumber(ref reader);
        return reader.TokenType == JsonTokenType.Null ? 0 : value;
    }

    /// <summary>Whether it is so, or null where that is not what stands there; whatever does is passed over whole.</summary>
    private static bool? ReadBoolean(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType is JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null)
        {
            return reader.TokenType == JsonTokenType.True;
        }

        reader.Skip();
        return null;
    }

    /// <summary>A number that fits, or null; whatever stands there is passed over whole.</summary>
    private static ulong? ReadNumber(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetUInt64(out ulong value))
        {
            return value;
        }

        reader.Skip();
        return null;
    }
}
