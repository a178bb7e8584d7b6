using System.Globalization;
using System.Runtime.InteropServices;

namespace Uffd.Processes;

/// <summary>A line of /proc/PID/maps.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct TargetMap(ulong Start, ulong End, string Permissions, ulong Inode, string Name)
{
    public bool IsExecutable => Permissions.Length > 2 && Permissions[0] == 'r' && Permissions[2] == 'x';

    public bool IsStackLike => Inode == 0 && Permissions.StartsWith("rw", StringComparison.Ordinal) && Permissions.EndsWith('p');

    /// <summary>Reads the mappings of a process, in the order of their addresses.</summary>
    /// <param name="processId">Its id.</param>
    /// <param name="thread">A thread of it that lives.</param>
    /// <exception cref="UffdException">It has ended, or its maps may not be read.</exception>
    public static List<TargetMap> Read(int processId, int thread)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/task/{thread}/maps");
        var maps = new List<TargetMap>();
        try
        {
            foreach (string line in File.ReadLines(path))
            {
                if (TryParse(line, out TargetMap map))
                {
                    maps.Add(map);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UffdException($"{path} cannot be read: {exception.Message}", exception);
        }

        return maps;
    }

    private static bool TryParse(string line, out TargetMap map)
    {
        map = default;
        string[] fields = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        string[] range = fields.Length >= 5 ? fields[0].Split('-') : [];
        if (range.Length != 2
            || !ulong.TryParse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong start)
            || !ulong.TryParse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong end)
            || end <= start
            || !ulong.TryParse(fields[4], NumberStyles.None, CultureInfo.InvariantCulture, out ulong inode))
        {
            return false;
        }

        map = new TargetMap(start, end, fields[1], inode, fields.Length > 5 ? fields[5] : "");
        return true;
    }
}
