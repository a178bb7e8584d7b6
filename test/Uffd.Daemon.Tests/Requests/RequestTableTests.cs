using System.Text;

namespace Uffd.Daemon.Tests.Requests;

/// <summary>What is a request, and what comes of it.</summary>
public sealed class RequestTableTests
{
    private static readonly RequestTable Table = new RequestTable()
        .Add("echo", request => RequestAnswer.Write(writer => writer.WriteNumber("value", request.GetProperty("value").GetInt32())))
        .Add("fail", _ => throw new IOException("two\nlines"));

    [Theory]
    [InlineData("""{"request":"echo","value":7}""", """{"value":7}""")]
    [InlineData(""" { "value" : 7 , "\u0072equest" : "echo" } """, """{"value":7}""")]
    [InlineData("""{"request":"other"}""", "not known; known are: echo, fail")]
    [InlineData("""{"request":""}""", "not known")]
    [InlineData("""{"request":"echo"}""", "unexpected KeyNotFoundException")]
    [InlineData("""{"request":"fail"}""", "unexpected IOException: two lines")]
    public void Requests_are_answered_with_one_line(string text, string answer)
    {
        string line = Encoding.UTF8.GetString(Table.Answer(Encoding.UTF8.GetBytes(text), out string? fault)!.Line.Span);
        Assert.Null(fault);
        Assert.Contains(answer, line, StringComparison.Ordinal);
        Assert.Equal(line.Length - 1, line.IndexOf('\n', StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{}", "no request")]
    [InlineData("""{"request":1}""", "no request")]
    [InlineData("""{"request":null}""", "no request")]
    [InlineData("""{"Request":"echo"}""", "no request")]
    [InlineData("{nonsense}", "no valid JSON")]
    [InlineData("{]", "no valid JSON")]
    [InlineData("""{"request":"\ud800"}""", "no valid JSON")]
    [InlineData("""{"\ud800":"echo"}""", "no")]
    [InlineData("{\"request\":\"\0\"}", "no valid JSON")]
    public void What_is_no_request_has_a_fault(string text, string because)
    {
        Assert.Null(Table.Answer(Encoding.UTF8.GetBytes(text), out string? fault));
        Assert.Contains(because, fault, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', fault!);
    }
}
