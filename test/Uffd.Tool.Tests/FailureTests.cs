namespace Uffd.Tool.Tests;

/// <summary>Every failure is one line and one of the statuses.</summary>
public sealed class FailureTests
{
    public static TheoryData<Exception, int, string> Failures => new()
    {
        { new ToolException(ExitCodes.BadInput, "the image is empty"), ExitCodes.BadInput, "uffd: the image is empty" },
        { new OperationCanceledException("ignored"), ExitCodes.Interrupted, "uffd: interrupted" },
        { new UffdException("no way") { IsUnavailable = true }, ExitCodes.NotAllowed, "uffd: no way" },
        { new UffdException("open", Errno.EACCES), ExitCodes.NotAllowed, "uffd: open: EACCES (Permission denied)" },
        { new UffdException("Copy", Errno.EFAULT), ExitCodes.Failed, "uffd: Copy: EFAULT (Bad address)" },
        { new FileNotFoundException("no such image"), ExitCodes.BadInput, "uffd: no such image" },
        { new UnauthorizedAccessException("not readable"), ExitCodes.BadInput, "uffd: not readable" },
        { new IOException("disk\r\nfull\n"), ExitCodes.Failed, "uffd: disk full" },
        { new AggregateException(new IOException("inner")), ExitCodes.Failed, "uffd: inner" },
        { new InvalidOperationException("oops"), ExitCodes.Failed, "uffd: unexpected InvalidOperationException: oops; set UFFD_DEBUG=1 for the stack trace" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void A_failure_is_one_line_and_a_status(Exception failure, int status, string line)
    {
        var error = new StringWriter();
        Assert.Equal(status, Failure.Report(failure, error));
        Assert.Equal(line + Environment.NewLine, error.ToString());
    }

    [Fact]
    public void Statuses_are_listed_once_each()
        => Assert.Equal([0, 1, 2, 3, 4, 130], ExitCodes.All.Select(status => status.Code));

    [Fact]
    public void A_verb_lists_only_statuses_that_exist()
        => Assert.All(Commands.DoctorCommand.Create().ExitStatuses, status => Assert.Contains(ExitCodes.All, known => known.Code == status.Code));
}
