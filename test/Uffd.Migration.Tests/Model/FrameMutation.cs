using Uffd.Migration.Tests.Support;

namespace Uffd.Migration.Tests.Model;

/// <summary>Changes what one side said in a migration, in ways that checksums do not find, and in some that they do.</summary>
internal static class FrameMutation
{
    /// <summary>Changes some frames.</summary>
    /// <param name="said">What was said. Not changed.</param>
    /// <param name="random">How.</param>
    public static List<WireFrame> Mutate(IReadOnlyList<WireFrame> said, Random random)
    {
        List<WireFrame> frames = [.. said];
        for (int count = random.Next(1, 4); count > 0 && frames.Count > 0; count--)
        {
            int at = random.Next(frames.Count);
            switch (random.Next(9))
            {
                case 0:
                    frames.RemoveAt(at);
                    break;
                case 1:
                    frames.Insert(random.Next(frames.Count + 1), frames[at]);
                    break;
                case 2:
                    int other = random.Next(frames.Count);
                    (frames[at], frames[other]) = (frames[other], frames[at]);
                    break;
                case 3:
                    frames[at] = frames[at] with { Type = (byte)random.Next(18) };
                    break;
                case 4:
                    frames[at] = frames[at] with { Head = frames[at].Head[..random.Next(frames[at].Head.Length + 1)] };
                    break;
                case 5:
                    frames[at] = frames[at] with { Head = [.. frames[at].Head, .. Bytes(random, random.Next(1, 40))] };
                    break;
                case 6:
                    frames[at] = frames[at] with { Data = frames[at].Data.Length == 0 ? Bytes(random, random.Next(1, 5000)) : Bytes(random, random.Next(2) == 0 ? frames[at].Data.Length : random.Next(9000)) };
                    break;
                default:
                    frames[at] = frames[at] with { Head = Spoil(frames[at].Head, random) };
                    break;
            }
        }

        return frames;
    }

    /// <summary>Changes bytes as they go over a stream.</summary>
    public static byte[] Damage(byte[] bytes, Random random)
    {
        byte[] damaged = [.. bytes];
        damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
        return random.Next(2) == 0 ? damaged : damaged[..random.Next(damaged.Length)];
    }

    private static byte[] Spoil(byte[] head, Random random)
    {
        byte[] spoilt = [.. head];
        if (spoilt.Length > 0)
        {
            int at = random.Next(spoilt.Length);
            int count = Math.Min(1 << random.Next(4), spoilt.Length - at);
            for (int index = at; index < at + count; index++)
            {
                spoilt[index] = random.Next(5) switch { 0 => 0, 1 => 0xff, 2 => unchecked((byte)(spoilt[index] + 1)), 3 => unchecked((byte)(spoilt[index] - 1)), _ => (byte)random.Next(256) };
            }
        }

        return spoilt;
    }

    private static byte[] Bytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
