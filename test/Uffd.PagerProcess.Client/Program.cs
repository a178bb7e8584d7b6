using System.Globalization;
using Uffd.PagerProcess.Client;
using Uffd.Paging;

// uffd-raw-client VERB STORE LIMIT [NUMBER...]: prints a line when it is ready, and its result in the last one.
long[] numbers = [.. args.Skip(2).Select(text => long.Parse(text, CultureInfo.InvariantCulture))];
return args[0] switch
{
    "count" => Writers.Run(args[1], numbers[0], (int)numbers[1], (int)numbers[2]),
    "collect" => Collections.Run(args[1], numbers[0], TimeSpan.FromMilliseconds(numbers[1])),
    "roam" => Roam.Run(args[1], numbers[0]),
    "measure" => Measure.Run(args[1], numbers[0]),
    "touch" => Touch.Run(args[1], numbers[0], numbers[1], (FaultFailurePolicy)numbers.ElementAtOrDefault(2)),
    _ => 2,
};
