using Uffd;
using Uffd.Tool;

if (args is ["snapshot", ..])
{
    // The process that is copied and its clients come first, from the first moment: where processors are few, this program's own start and compiling would be
    // what a client waits for longest. The stop itself is made by a thread that comes before all, where that is allowed.
    CurrentProcess.TrySetNiceness(10);
}

return await CommandLine.RunAsync(args);
