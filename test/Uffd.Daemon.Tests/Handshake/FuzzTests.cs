using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Uffd.Daemon.Tests.Handshake;

/// <summary>Whatever comes, in whatever pieces, the reader answers and does not throw, and takes no longer than the text is long.</summary>
public sealed class FuzzTests
{
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(4);

    private static readonly RequestTable Requests = new RequestTable().Add("status", _ => RequestAnswer.Write(_ => { }));

    private static readonly string[] Grains =
    [
        "[", "]", "{", "}", "\"", "\\", ",", ":", "0", "-1", "1e5", "null", "true", "\\u", "\\ud800", "\0", "ÿ", " ", "\n", "//", "/**/",
        "\"size\"", "\"offset\"", "\"base_host_virt_addr\"", "\"page_size\"", "\"request\"", "{\"request\":\"status\"}", "18446744073709551615", "18446744073709551616", "[[[[[[[[[[[[[[[[[",
    ];

    [Fact]
    public void Mutated_texts_in_random_pieces_never_throw_and_never_say_more_than_JSON_allows()
    {
        int seed = Environment.TickCount;
        long started = Stopwatch.GetTimestamp();
        for (int round = 0; Stopwatch.GetElapsedTime(started) < Budget; round++, seed++)
        {
            byte[] text = [];
            try
            {
                var random = new Random(seed);
                text = Mutate(Valid(random), random);
                Outcome whole = Feed([text]);
                Assert.Equal(whole, Feed(Split(text, random)));
                Assert.Equal(whole, Feed(text.Select(one => new[] { one })));
            }
            catch (Exception exception)
            {
                Assert.Fail(string.Create(CultureInfo.InvariantCulture, $"seed {seed}, text {Convert.ToHexStringLower(text)}: {exception}"));
            }
        }
    }

    [Theory]
    [InlineData("[", (byte)' ')] // a text that goes on
    [InlineData("[\"", (byte)'x')]
    [InlineData("", (byte)' ')] // white space before it
    [InlineData("[{\"size\":1}]", (byte)' ')] // behind it, while its descriptor is due
    [InlineData("[{\"size\":1}]", (byte)'[')]
    public void Eight_MiB_in_single_bytes_take_linear_time(string begin, byte filler)
    {
        long started = Stopwatch.GetTimestamp();
        using var reader = new HandshakeReader();
        reader.Append(Encoding.UTF8.GetBytes(begin), []);
        ReadOnlySpan<byte> one = [filler];
        for (int count = 0; count <= HandshakeReader.MaxTextBytes && reader.Fault is null; count++)
        {
            reader.Append(one, []);
            if (reader.TryTake() is not null)
            {
                Assert.Fail("nothing was complete");
            }

            if (count % 4096 == 0)
            {
                Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(20), string.Create(CultureInfo.InvariantCulture, $"only {count} bytes in 20 s"));
            }
        }

        Assert.Contains("longer than", reader.Fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Descriptors_of_an_unfinished_message_are_closed_with_the_reader()
    {
        var descriptor = new FakeDescriptor();
        using (var reader = new HandshakeReader())
        {
            reader.Append("[{"u8, [descriptor]);
            Assert.True(reader.IsInTheMiddle);
            Assert.Null(reader.TryTake());
        }

        Assert.True(descriptor.IsClosed);
    }

    /// <summary>What came out of a text, comparable: every message's regions, and the fault.</summary>
    private static Outcome Feed(IEnumerable<byte[]> pieces)
    {
        using var reader = new HandshakeReader();
        var messages = new StringBuilder();
        var seen = new List<byte>();
        int arrays = 0;
        reader.Append([], [new FakeDescriptor()]);
        foreach (byte[] piece in pieces)
        {
            seen.AddRange(piece);
            reader.Append(piece, []);
            while (true)
            {
                if (reader.TryTakeRequest() is { } request)
                {
                    Assert.True(request.Length <= HandshakeReader.MaxRequestBytes);
                    RequestAnswer? answer = Requests.Answer(request, out string? fault);
                    messages.AppendLine(answer is null ? fault : Encoding.UTF8.GetString(answer.Line.Span));
                    Assert.True(answer is null ? !fault!.Contains('\n', StringComparison.Ordinal) : answer.Line.Span.Count((byte)'\n') == 1);
                }
                else if (reader.TryTake() is { } message)
                {
                    Assert.NotEmpty(message.Regions);
                    messages.AppendJoin(' ', message.Regions).AppendLine();
                    reader.Append([], [new FakeDescriptor()]);
                    arrays++;
                }
                else
                {
                    break;
                }
            }
        }

        if (arrays > 0 && seen.Find(one => one is not ((byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')) == (byte)'[')
        {
            // The first array at least must be one to the library's parser too.
            var json = new Utf8JsonReader(seen.ToArray(), new JsonReaderOptions { AllowMultipleValues = true });
            Assert.True(JsonDocument.TryParseValue(ref json, out JsonDocument? document));
            Assert.Equal(JsonValueKind.Array, document!.RootElement.ValueKind);
            document.Dispose();
        }

        Assert.True(reader.Fault is null || !reader.Fault.Contains('\n', StringComparison.Ordinal));
        return new Outcome(messages.ToString(), reader.Fault);
    }

    private static byte[] Valid(Random random)
    {
        var text = new StringBuilder();
        for (int message = random.Next(1, 3); message > 0; message--)
        {
            var regions = new RegionDescription[random.Next(1, 4)];
            for (int index = 0; index < regions.Length; index++)
            {
                regions[index] = new RegionDescription((ulong)random.NextInt64() << 12, (ulong)random.Next() << 12, (ulong)random.Next() << 12, 4096);
            }

            text.Append(random.Next(3) == 0 ? "{\"request\":\"status\",\"more\":[{}]}\n" : Encoding.UTF8.GetString(RegionDescription.Write(regions)));
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static byte[] Mutate(byte[] text, Random random)
    {
        var bytes = new List<byte>(text);
        for (int change = random.Next(6); change > 0 && bytes.Count > 0; change--)
        {
            int at = random.Next(bytes.Count);
            int length = random.Next(1, Math.Min(12, bytes.Count - at + 1));
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, length);
                    break;
                case 2:
                    bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count - length + 1), length));
                    break;
                case 3:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(Grains[random.Next(Grains.Length)]));
                    break;
            }
        }

        return [.. bytes];
    }

    private static IEnumerable<byte[]> Split(byte[] text, Random random)
    {
        for (int at = 0; at < text.Length;)
        {
            int length = random.Next(0, Math.Min(40, text.Length - at) + 1);
            yield return text[at..(at + length)];
            at += length;
        }
    }

    private sealed record Outcome(string Messages, string? Fault);

    /// <summary>A number that nobody opened.</summary>
    private sealed class FakeDescriptor : SafeDescriptorHandle
    {
        public FakeDescriptor() => SetHandle(1 << 30);

        protected override bool ReleaseHandle() => true;
    }
}
