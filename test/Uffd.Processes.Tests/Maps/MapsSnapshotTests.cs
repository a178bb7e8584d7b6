namespace Uffd.Processes.Tests;

/// <summary>Whether mappings changed is told by bytes, without allocating.</summary>
public sealed class MapsSnapshotTests
{
    [Fact]
    public void Change_is_seen_and_only_a_change()
    {
        using Subject subject = Subject.Start("plain");
        using MapsSnapshot snapshot = MapsSnapshot.Open(subject.ProcessId);
        snapshot.Read();
        Assert.True(snapshot.ReadRaw());
        Assert.True(snapshot.SameAsBefore);
        subject.Do("map");
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool read = snapshot.ReadRaw();
        bool same = snapshot.SameAsBefore;
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(read);
        Assert.False(same);
        Assert.Equal(MemoryMap.Read(subject.ProcessId).Regions, snapshot.Parse().Regions);
        snapshot.Read();
        Assert.True(snapshot.ReadRaw() && snapshot.SameAsBefore);
    }

    [Fact]
    public void Long_list_is_read_whole_and_again()
    {
        using Subject subject = Subject.Start("mappings", userId: null, "20000");
        using MapsSnapshot snapshot = MapsSnapshot.Open(subject.ProcessId);
        Assert.False(snapshot.ReadRaw()); // no room was made yet
        snapshot.Read();
        Assert.InRange(snapshot.Parse().Regions.Count, 20_000, 20_200);
        Assert.True(snapshot.ReadRaw() && snapshot.SameAsBefore);
    }

    [Fact]
    public void After_exec_and_at_the_end_there_is_nothing()
    {
        using Subject subject = Subject.Start("plain");
        using MapsSnapshot snapshot = MapsSnapshot.Open(subject.ProcessId);
        snapshot.Read();
        subject.Do("exec");
        Assert.True(snapshot.ReadRaw());
        Assert.False(snapshot.SameAsBefore);
        Assert.True(snapshot.Raw.IsEmpty);
        Assert.Equal(Errno.ESRCH, Assert.Throws<UffdException>(() => MapsSnapshot.Open(int.MaxValue)).Errno);
    }
}
