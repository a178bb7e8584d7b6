using Uffd.Tool;

return await CommandLine.RunAsync(args);
