using Uffd.Migration.Stress;

if (args is ["--help"] or ["-h"])
{
    Console.WriteLine(StressOptions.Usage);
    return 0;
}

try
{
    return await Stressor.RunAsync(StressOptions.Parse(args), Console.Out) ? 0 : 1;
}
catch (FormatException exception)
{
    await Console.Error.WriteLineAsync($"{exception.Message}\n{StressOptions.Usage}");
    return 2;
}
