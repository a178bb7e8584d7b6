using System.Text.Json;
using Uffd.Tool.Commands;
using Uffd.Tool.Output;

namespace Uffd.Tool.Tests.Snapshots;

/// <summary>What <c>uffd inspect</c> and <c>uffd convert</c> make of a snapshot, apart from its format.</summary>
public sealed class InspectTests
{
    private const ulong Page = FakeSnapshot.Page;

    [Fact]
    public void Text_says_what_is_in_it_and_obeys_no_name()
    {
        var text = new StringWriter();
        InspectText.Write(InspectSummary.Of(new FakeSnapshot(), "tue.image", 618_496), text);
        Assert.Equal(
            """
            file        tue.image (image), 604 KiB
            process     re\u{1b}[31mdis, pid 42, parent 1, user 1000
            program     /usr/bin/redis\n
            arguments   redis --port 6379
            taken       2026-05-04 03:02:01.000 UTC, Linux 6.18.0
            machine     X64, pages of 4096 bytes
            threads     2: 42 main, 43 io
            mappings    4, 2.4 MiB
            pages       1.2 MiB stored (49.6 %), 412 KiB zero (16.9 %), 800 KiB in parents (32.8 %), 8 KiB in their files (0.3 %), 8 KiB not kept (0.3 %)
            compressed  to 50.0 % of what is stored
            parents     /tmp/mon.image

            address       perm     size   stored     zero   parent  name
            000000400000  r-xp   16 KiB    4 KiB    4 KiB           /usr/bin/redis
            000010000000  rw-p  2.3 MiB  1.2 MiB  400 KiB  800 KiB  [heap]
            000020000000  r--s    8 KiB        -                    /dev/shm/\u{202e}x (deleted)
            7ffc00000000  rw-p   12 KiB    4 KiB    8 KiB           [stack]

            """,
            text.ToString());
    }

    [Fact]
    public void Json_has_the_documented_fields()
    {
        var json = new StringWriter();
        JsonOutput.Write(json, InspectJson.From(InspectSummary.Of(new FakeSnapshot(), "tue.image", 618_496), verifiedBytes: 5));
        Assert.DoesNotContain('\u001b', json.ToString());
        using JsonDocument document = JsonDocument.Parse(json.ToString());
        JsonElement root = document.RootElement;
        Assert.Equal(
            ["file", "format", "fileBytes", "process", "threads", "mappings", "shares", "compression", "parents", "verified", "verifiedBytes"],
            root.EnumerateObject().Select(field => field.Name), StringComparer.Ordinal);
        Assert.Equal("re\u001b[31mdis", root.GetProperty("process").GetProperty("name").GetString());
        JsonElement heap = root.GetProperty("mappings")[1];
        Assert.Equal(("0x10000000", "rw-p", "whole"), (heap.GetProperty("start").GetString(), heap.GetProperty("permissions").GetString(), heap.GetProperty("content").GetString()));
        Assert.Equal(200 * Page, heap.GetProperty("shares").GetProperty("parentBytes").GetUInt64());
        Assert.True(root.GetProperty("verified").GetBoolean());
    }

    [Fact]
    public void Verifying_reads_all_that_is_stored_here_and_in_parents()
    {
        long told = 0;
        Assert.Equal((long)(502 * Page), InspectPages.Verify(new FakeSnapshot(), bytes => Interlocked.Add(ref told, bytes), TestContext.Current.CancellationToken));
        Assert.Equal((long)(502 * Page), told);
    }

    [Fact]
    public void Damage_is_told_with_its_address()
    {
        ulong damaged = FakeSnapshot.Heap.Start + (450 * Page);
        InvalidDataException thrown = Assert.Throws<InvalidDataException>(() => InspectPages.Verify(new FakeSnapshot { Damaged = damaged }, _ => { }, CancellationToken.None));
        Assert.Contains($"{damaged:x}", thrown.Message, StringComparison.Ordinal);
        Assert.Equal((ExitCodes.BadInput, true), Failure.Classify(thrown));
    }

    [Theory]
    [InlineData(0UL, 1UL)]
    [InlineData(5UL, 4096UL)]
    [InlineData(4095UL, 2UL)]
    [InlineData(100UL, 1_200_000UL)]
    [InlineData(0UL, 2_457_600UL)]
    public void Bytes_are_taken_out_at_any_address(ulong offset, ulong length)
    {
        var range = new AddressRange(FakeSnapshot.Heap.Start + offset, length);
        using var output = new MemoryStream();
        ulong next = range.Start;
        InspectPages.Extract(
            new FakeSnapshot(),
            range,
            (address, bytes) =>
            {
                Assert.Equal(next, address);
                next += (ulong)bytes.Length;
                output.Write(bytes);
            },
            CancellationToken.None);
        byte[] all = new byte[FakeSnapshot.Heap.Length];
        new FakeSnapshot().Read(FakeSnapshot.Heap.Start, all);
        Assert.True(output.ToArray().AsSpan().SequenceEqual(all.AsSpan((int)offset, (int)length)));
    }

    [Fact]
    public void Addresses_that_it_does_not_have_are_bad_input()
    {
        var thrown = Assert.Throws<ToolException>(() => InspectPages.Extract(new FakeSnapshot(), new AddressRange(FakeSnapshot.Stack.End - 8, 16), (_, _) => { }, CancellationToken.None));
        Assert.Equal(ExitCodes.BadInput, thrown.ExitCode);
    }

    [Fact]
    public void Dump_is_sixteen_bytes_a_line()
    {
        var text = new StringWriter();
        InspectDump.Write(0x7ffc00000010, [.. "Hello\u001b[31m"u8, .. new byte[10]], text);
        Assert.Equal(
            """
            7ffc00000010  48 65 6c 6c 6f 1b 5b 33  31 6d 00 00 00 00 00 00  Hello.[31m......
            7ffc00000020  00 00 00 00                                       ....

            """,
            text.ToString());
    }
}
