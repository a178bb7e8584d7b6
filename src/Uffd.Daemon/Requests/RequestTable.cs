using System.Text.Json;

namespace Uffd.Daemon;

/// <summary>
/// What clients may ask, by the text of a request's <c>request</c>. Answers are made on the thread that takes in connections: they
/// must be quick, and wait for nobody. Who may ask was decided when the connection was taken in.
/// </summary>
internal sealed class RequestTable
{
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16 };

    private readonly Dictionary<string, Func<JsonElement, RequestAnswer>> _answers = new(StringComparer.Ordinal);

    /// <summary>Makes a request known.</summary>
    /// <param name="name">The text of <c>request</c>.</param>
    /// <param name="answer">Answers the whole object; an exception of it becomes an error line.</param>
    public RequestTable Add(string name, Func<JsonElement, RequestAnswer> answer)
    {
        _answers.Add(name, answer);
        return this;
    }

    /// <summary>Answers a request.</summary>
    /// <param name="text">A JSON object, as far as its boundary tells.</param>
    /// <param name="fault">One line that says why this is no request at all, or null.</param>
    /// <returns>The answer, or null where there is a fault.</returns>
    public RequestAnswer? Answer(ReadOnlyMemory<byte> text, out string? fault)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text, Strict);
            if (!document.RootElement.TryGetProperty("request"u8, out JsonElement request) || request.ValueKind != JsonValueKind.String)
            {
                fault = "the object is no request: it has no text named \"request\"";
                return null;
            }

            string name = request.GetString()!;
            fault = null;
            return _answers.TryGetValue(name, out Func<JsonElement, RequestAnswer>? answer)
                ? Answer(answer, document.RootElement)
                : RequestAnswer.Error($"the request is not known; known are: {string.Join(", ", _answers.Keys.Order(StringComparer.Ordinal))}");
        }
        catch (JsonException exception)
        {
            fault = $"the request is no valid JSON (byte {exception.BytePositionInLine})";
            return null;
        }
        catch (InvalidOperationException)
        {
            fault = "the request is no valid JSON (half a surrogate pair)"; // the parser lets it pass and throws this when it is looked at
            return null;
        }
    }

    private static RequestAnswer Answer(Func<JsonElement, RequestAnswer> answer, JsonElement request)
    {
        try
        {
            return answer(request);
        }
        catch (Exception exception) // the daemon goes on, whatever is asked
        {
            return RequestAnswer.Error(Unexpected.Describe(exception));
        }
    }
}
