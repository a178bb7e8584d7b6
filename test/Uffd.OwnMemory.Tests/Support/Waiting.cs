namespace Uffd.Paging.OwnMemory.Tests;

/// <summary>Waiting that ends.</summary>
internal static class Waiting
{
    public static Task Soon(this Task task) => task.WaitAsync(Gate.Patience);

    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(Gate.Patience);
}
