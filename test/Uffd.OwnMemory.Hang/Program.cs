using Uffd.OwnMemory.Hang;

try
{
    Arguments arguments = Arguments.Parse(args);
    return (int)(arguments.Verb switch
    {
        "paths" => PathRuns.Go(arguments),
        "list" => PathRuns.List(),
        "control" when arguments.What is "bytes" => PathRuns.GoSpoiled(arguments),
        "control" => BareTouches.Go(arguments),
        "pauses" => PauseRuns.Go(arguments),
        _ => throw new FormatException($"{arguments.Verb} is not a verb"),
    });
}
catch (FormatException exception)
{
    Console.Error.WriteLine(exception.Message);
    Console.Error.WriteLine(Arguments.Usage);
    return (int)ExitCode.Usage;
}
