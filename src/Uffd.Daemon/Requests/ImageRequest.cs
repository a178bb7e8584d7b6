using System.Text.Json;
using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary><c>{"request":"image"}</c>: the image as a memfd, to be mapped privately and shared with all who do.</summary>
internal sealed class ImageRequest(ImageSharing sharing, IPageSource image)
{
    /// <summary>Its name, and that of the object in its answer.</summary>
    public const string Name = "image";

    public RequestAnswer Answer(JsonElement request)
        => sharing.Offer(out string? reason) is { } shared
            ? RequestAnswer.Write(
                writer =>
                {
                    writer.WriteStartObject("image"u8);
                    writer.WriteNumber("size"u8, image.Length);
                    writer.WriteNumber("pageSize"u8, Environment.SystemPageSize);
                    writer.WriteEndObject();
                },
                shared.Descriptor)
            : RequestAnswer.Error(reason!);
}
