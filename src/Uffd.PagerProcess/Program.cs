using System.Runtime.InteropServices;
using Uffd.PagerProcess;
using Uffd.Paging;

// Signals that are meant for the client reach the whole group: from a terminal, or when a service is stopped. It decides when it ends,
// and we end after it, when what it had written is saved.
var signals = new List<PosixSignalRegistration>();
foreach (PosixSignal signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT])
{
    signals.Add(PosixSignalRegistration.Create(signal, context => context.Cancel = true));
}

try
{
    return args switch
    {
        [PagerVerbs.Serve, { } socket] => PagerSession.Run(socket, StoreOpener.Open, PagerProgram.Find(path: null)),
        [PagerVerbs.Guard, { } socket] => Guardian.Run(socket),
        _ => Usage(),
    };
}
catch (Exception exception) when (exception is IOException or TimeoutException or InvalidDataException)
{
    Console.Error.WriteLine($"uffd-pager: {exception.Message}");
    return 1;
}
finally
{
    signals.ForEach(signal => signal.Dispose());
}

static int Usage()
{
    Console.Error.WriteLine("uffd-pager: this program is started by RawPagedRegion, and not by hand");
    return 2;
}
