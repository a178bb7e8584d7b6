using System.Text;

namespace Uffd.Daemon.Tests.Handshake;

/// <summary>Which descriptors belong to which text, when one receive brings parts of two messages.</summary>
public class PairingTests
{
    private const string First = """[{"base_host_virt_addr":4096,"size":4096,"offset":0}]""";
    private const string Second = """[{"base_host_virt_addr":8192,"size":4096,"offset":0}]""";

    [Theory]
    [InlineData(5)]
    [InlineData(20)]
    public void Receive_that_reaches_into_the_next_message_brings_its_descriptor(int split)
    {
        using var one = new SafeDescriptorHandle();
        using var two = new SafeDescriptorHandle();
        using var reader = new HandshakeReader();
        reader.Append(Encoding.UTF8.GetBytes(First[..split]), [one]);
        Assert.Null(reader.TryTake());
        reader.Append(Encoding.UTF8.GetBytes($"{First[split..]} \n {Second}"), [two]);
        HandshakeMessage first = reader.TryTake()!;
        HandshakeMessage second = reader.TryTake()!;
        Assert.Same(one, Assert.Single(first.Descriptors));
        Assert.Same(two, Assert.Single(second.Descriptors));
        Assert.Equal(4096UL, first.Regions[0].Address);
        Assert.Equal(8192UL, second.Regions[0].Address);
        Assert.Null(reader.Fault);
    }

    [Fact]
    public void White_space_behind_the_text_leaves_all_descriptors_with_it()
    {
        using var one = new SafeDescriptorHandle();
        using var two = new SafeDescriptorHandle();
        using var reader = new HandshakeReader();
        reader.Append(Encoding.UTF8.GetBytes(First[..5]), [one]);
        reader.Append(Encoding.UTF8.GetBytes($"{First[5..]}\n"), [two]);
        Assert.Equal(2, reader.TryTake()!.Descriptors.Count);
    }

    [Fact]
    public void Descriptor_that_came_last_is_the_first_texts_where_it_has_none()
    {
        using var one = new SafeDescriptorHandle();
        using var reader = new HandshakeReader();
        reader.Append(Encoding.UTF8.GetBytes($"{First}{Second[..7]}"), [one]);
        Assert.Same(one, Assert.Single(reader.TryTake()!.Descriptors));
        Assert.Null(reader.TryTake());
    }
}
