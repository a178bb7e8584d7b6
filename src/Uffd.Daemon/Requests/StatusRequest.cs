using System.Text.Json;
using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary><c>{"request":"status"}</c>: what is served, and what was done for it.</summary>
internal sealed class StatusRequest(Pager pager)
{
    /// <summary>Its name.</summary>
    public const string Name = "status";

    public RequestAnswer Answer(JsonElement request)
    {
        IReadOnlyCollection<AddressSpace> spaces = pager.AddressSpaces;
        return RequestAnswer.Write(writer =>
        {
            writer.WriteNumber("pid"u8, Environment.ProcessId);
            writer.WriteNumber("clientCount"u8, spaces.Count);
        });
    }
}
