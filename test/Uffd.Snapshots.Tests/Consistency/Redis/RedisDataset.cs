using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Uffd.Snapshots.Tests;

/// <summary>
/// Reads the values of a Redis out of a copy of its memory: beginning at the addresses of its live objects, which it tells itself (DEBUG OBJECT), through
/// the pointer in each to its string. Looking for strings that look like values would find those that were freed too.
/// </summary>
/// <param name="addresses">Of each key's object.</param>
internal sealed class RedisDataset(ulong[] addresses)
{
    // struct redisObject: four bits of type, four of encoding, 24 of age; the references; the pointer.
    private const int ObjectLength = 16;
    private const int StringInPlaceOfItsOwn = 0;

    // struct sdshdr8 before the string: its length, what was allocated, and the kind of header.
    private const int StringHeaderLength = 3;
    private const byte ShortString = 1;

    /// <summary>Asks a Redis where its objects are.</summary>
    /// <param name="server">The server.</param>
    public static ulong[] FindObjects(RedisServer server)
    {
        using RedisConnection connection = server.Connect();
        ulong[] found = new ulong[RedisSequence.Keys];
        for (int key = 0; key < found.Length; key++)
        {
            connection.Add("DEBUG", "OBJECT", RedisSequence.Name(key));
        }

        connection.Send();
        for (int key = 0; key < found.Length; key++)
        {
            string reply = connection.ReadReply(); // Value at:0x7f... refcount:1 encoding:raw ...
            Assert.Contains("encoding:raw", reply, StringComparison.Ordinal);
            string address = reply.Split(' ')[1]["at:0x".Length..];
            found[key] = ulong.Parse(address, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        }

        return found;
    }

    /// <summary>Looks whether a copy has exactly the first writes of the sequence, up to one of them.</summary>
    /// <param name="snapshot">The copy.</param>
    /// <param name="acknowledged">So many writes had been acknowledged before the copying began.</param>
    /// <param name="begun">So many had been sent when it had ended.</param>
    /// <returns>How many writes it has.</returns>
    /// <exception cref="BrokenInvariantException">It has not; what is wrong is told.</exception>
    public long Check(ISnapshot snapshot, long acknowledged, long begun)
    {
        byte[][] values = [.. addresses.Select(address => ReadValue(snapshot, address))];
        long?[] writes = [.. values.Select(value => RedisSequence.TryParse(value))];
        long done = 1 + (writes.Max() ?? throw new BrokenInvariantException("no value is whole"));
        if (done < acknowledged || done > begun)
        {
            throw new BrokenInvariantException($"the copy has {done} writes; {acknowledged} had been acknowledged before it, and {begun} begun behind it");
        }

        for (int key = 0; key < RedisSequence.Keys; key++)
        {
            long expected = RedisSequence.LastTo(key, done);
            if (writes[key] is { } write && write != expected)
            {
                throw new BrokenInvariantException($"{RedisSequence.Name(key)} is of write {write}, and of the first {done} it should have {expected}");
            }

            // The one write that was being done when the process stopped may be done by half.
            if (writes[key] is null && !(RedisSequence.KeyOf(done) == key && IsHalf(values[key], expected, done)))
            {
                throw new BrokenInvariantException($"{RedisSequence.Name(key)} has no whole value behind {done} writes: {Encoding.ASCII.GetString(values[key])}");
            }
        }

        return done;
    }

    private static bool IsHalf(byte[] value, long before, long after)
    {
        byte[] old = Encoding.ASCII.GetBytes(RedisSequence.Value(before));
        byte[] next = Encoding.ASCII.GetBytes(RedisSequence.Value(after));
        return Enumerable.Range(0, value.Length).All(index => value[index] == old[index] || value[index] == next[index]);
    }

    private static byte[] ReadValue(ISnapshot snapshot, ulong address)
    {
        byte[] head = new byte[ObjectLength];
        byte[] text = new byte[StringHeaderLength + RedisSequence.ValueLength];
        try
        {
            snapshot.Read(address, head);
            snapshot.Read(BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(8)) - StringHeaderLength, text);
        }
        catch (EndOfStreamException exception)
        {
            throw new BrokenInvariantException($"the object at 0x{address:x} is not in the copy: {exception.Message}");
        }

        if (head[0] != StringInPlaceOfItsOwn || text[0] != RedisSequence.ValueLength || (text[2] & 7) != ShortString)
        {
            throw new BrokenInvariantException($"the object at 0x{address:x} is no string of {RedisSequence.ValueLength} bytes");
        }

        return text[StringHeaderLength..];
    }
}
