namespace Uffd.Paging;

/// <summary>A page whose copy is to be written; the copies lie one behind the other.</summary>
/// <param name="Page">Which.</param>
/// <param name="Index">Its place in the batch it was taken from.</param>
internal readonly record struct PageCopy(uint Page, int Index);
