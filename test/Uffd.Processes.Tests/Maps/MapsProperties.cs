using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace Uffd.Processes.Tests;

/// <summary>What the kernel writes is read back as it was, and what it never writes is refused in one way only.</summary>
public sealed class MapsProperties
{
    private static readonly Gen<string> AnyName = Gen.OneOf(
        Gen.Elements("", "[heap]", "[stack]", "[anon:a b]", "/memfd:x (deleted)", "/a\nb", "/ leading", "/trailing  ", "/ü\t\u001b[0m", "anon_inode:[io_uring]"),
        Gen.Choose(0, 0x2FF).Select(letter => (char)letter).Where(letter => letter is not '\0' and not '\\').ArrayOf().Select(letters => "/" + new string(letters)));

    private static readonly Gen<MappedRegion[]> AnyMap =
        from count in Gen.Choose(0, 30)
        from gaps in Gen.Choose(0, 5).ArrayOf(count)
        from lengths in Gen.Choose(1, 1 << 20).ArrayOf(count)
        from permissions in Gen.Choose(0, 15).ArrayOf(count)
        from numbers in Gen.Choose(0, int.MaxValue).ArrayOf(count)
        from names in AnyName.ArrayOf(count)
        select Make(gaps, lengths, permissions, numbers, names);

    [Fact]
    public void What_was_rendered_is_parsed() => Check(Prop.ForAll(Arb.From(AnyMap), static map => IsSame(map, broken: false)));

    [Fact]
    public void Renderer_that_loses_a_name_is_found() // the control
        => Assert.NotNull(Record.Exception(static () => Check(Prop.ForAll(Arb.From(AnyMap), static map => IsSame(map, broken: true)))));

    [Fact]
    public void Garbage_gives_one_kind_of_exception()
    {
        Gen<byte[]> text = from map in AnyMap
                           from at in Gen.Choose(0, 4000).ArrayOf(3)
                           from values in Gen.Choose(0, 255).ArrayOf(3)
                           from cut in Gen.Choose(0, 4000)
                           select Damage(Render(map, broken: false), at, values, cut);
        Gen<byte[]> noise = Gen.Choose(0, 255).Select(value => (byte)value).ArrayOf();
        Check(Prop.ForAll(Arb.From(Gen.OneOf(text, noise)), static bytes => Fails(bytes, MemoryMapOf) && Fails(bytes, DetailsOf)));
    }

    private static void MemoryMapOf(byte[] bytes) => MemoryMap.Parse(bytes);

    private static void DetailsOf(byte[] bytes) => RegionDetails.Parse(bytes);

    private static bool Fails(byte[] bytes, Action<byte[]> parse) => Record.Exception(() => parse(bytes)) is null or InvalidDataException;

    private static void Check(Property property)
        => FsCheck.Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(500).WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(1), FSharpOption<int>.None))),
            property);

    private static bool IsSame(MappedRegion[] map, bool broken) => MemoryMap.Parse(Render(map, broken)).Regions.SequenceEqual(map);

    private static MappedRegion[] Make(int[] gaps, int[] lengths, int[] permissions, int[] numbers, string[] names)
    {
        var regions = new MappedRegion[gaps.Length];
        ulong end = 0;
        for (int index = 0; index < regions.Length; index++)
        {
            ulong start = end + ((ulong)gaps[index] << 12);
            end = start + ((ulong)lengths[index] << 12);
            uint number = (uint)numbers[index];
            regions[index] = new MappedRegion(
                AddressRange.FromBounds(start, end), (RegionPermissions)permissions[index], (ulong)number << 12, MapsText.Device(number & 0xFFF, number >> 8 & 0xFFFFF), number * 3UL, names[index]);
        }

        return regions;
    }

    /// <summary>As show_map_vma() of the kernel does.</summary>
    private static byte[] Render(MappedRegion[] map, bool broken)
    {
        var text = new StringBuilder();
        foreach (MappedRegion region in map)
        {
            ulong device = region.Device;
            string permissions = string.Concat(
                region.Permissions.HasFlag(RegionPermissions.Read) ? 'r' : '-',
                region.Permissions.HasFlag(RegionPermissions.Write) ? 'w' : '-',
                region.Permissions.HasFlag(RegionPermissions.Execute) ? 'x' : '-',
                region.IsShared ? 's' : 'p');
            string line = string.Create(
                CultureInfo.InvariantCulture,
                $"{region.Range.Start:x8}-{region.Range.End:x8} {permissions} {region.Offset:x8} {device >> 8 & 0xFFF:x2}:{(device & 0xFF) | (device >> 12 & 0xFFFFF00):x2} {region.Inode} ");
            string name = region.Name.Replace("\n", "\\012", StringComparison.Ordinal);
            text.Append(name.Length > 0 && !broken ? $"{line.PadRight(73)}{name}" : line).Append('\n');
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static byte[] Damage(byte[] text, int[] at, int[] values, int cut)
    {
        for (int index = 0; index < at.Length && text.Length > 0; index++)
        {
            text[at[index] % text.Length] = (byte)values[index];
        }

        return cut < text.Length ? text[..cut] : text;
    }
}
