using System.CommandLine;
using Uffd.Migration;

namespace Uffd.Tool.Commands;

/// <summary>How the two sides of <c>uffd demo migrate</c> know each other.</summary>
internal static class MigrateTlsOptions
{
    private static readonly Option<string?> Certificate = new("--cert") { Description = "This side's certificate, in PEM; with it the memory goes over TLS, both sides authenticated", HelpName = "FILE" };
    private static readonly Option<string?> Key = new("--key") { Description = "Its key", HelpName = "FILE" };
    private static readonly Option<string?> Authority = new("--ca") { Description = "The certificate of who must have signed the other side's", HelpName = "FILE" };

    public static void AddTo(Verb verb)
    {
        verb.Options.Add(Certificate);
        verb.Options.Add(Key);
        verb.Options.Add(Authority);
        verb.Validators.Add(result =>
        {
            int given = new Option[] { Certificate, Key, Authority }.Count(option => result.GetResult(option) is { Implicit: false });
            if (given is 1 or 2)
            {
                result.AddError("--cert, --key and --ca belong together");
            }
        });
    }

    /// <exception cref="IOException">A file is missing.</exception>
    public static MigrationLinkOptions LinksOf(ParseResult result) => LinksOf(ArgumentsOf(result));

    /// <summary>The same of three paths, or of none.</summary>
    public static MigrationLinkOptions LinksOf(IReadOnlyList<string> paths)
        => new() { Tls = paths is [var certificate, var key, var authority] ? MigrationTls.Load(certificate, key, authority) : null };

    /// <summary>The three paths, or none: for another process.</summary>
    public static IReadOnlyList<string> ArgumentsOf(ParseResult result)
        => result.GetValue(Certificate) is { } certificate && result.GetValue(Key) is { } key && result.GetValue(Authority) is { } authority ? [certificate, key, authority] : [];
}
