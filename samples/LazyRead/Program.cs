// A process whose memory arrives when it is touched. Start the daemon, then this:
//
//   uffd serve --socket /tmp/lazy.sock --image FILE &
//   dotnet run --project samples/LazyRead -- /tmp/lazy.sock $(stat -c %s FILE)
using Uffd.Daemon;

using LazyMemory memory = LazyMemory.Map(socketPath: args[0], length: ulong.Parse(args[1]));

// None of it has arrived yet; each first touch of a page brings it. The daemon is another process, so a plain span is safe.
ReadOnlySpan<byte> head = memory.Mapping.AsSpan(0, 64);
Console.WriteLine($"first bytes: {Convert.ToHexStringLower(head[..16])}");
