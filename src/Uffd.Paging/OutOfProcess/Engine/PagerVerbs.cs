namespace Uffd.Paging;

/// <summary>What the pager program is started as.</summary>
internal static class PagerVerbs
{
    public const string Serve = "serve";
    public const string Guard = "guard";
}
