using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Uffd.Migration;

namespace Uffd.Tool.Commands;

/// <summary>How a verb connects to another host, or is connected to: an address, and certificates.</summary>
/// <param name="connects">Whether it connects; else it listens.</param>
internal sealed class LinkOptions(bool connects)
{
    private readonly Option<string?> _certificate = new("--cert")
    {
        Description = "This side's certificate (PEM), for TLS; with --key and --ca (default: no encryption)",
        HelpName = "FILE",
    };

    private readonly Option<string?> _key = new("--key")
    {
        Description = "The certificate's key (PEM)",
        HelpName = "FILE",
    };

    private readonly Option<string?> _authority = new("--ca")
    {
        Description = "The certificate (PEM) of the authority that has signed the other side's",
        HelpName = "FILE",
    };

    private readonly Option<int> _connections = new("--connections")
    {
        Description = "Connect with so many connections: one for what is waited for, the others for the rest",
        HelpName = "N",
        DefaultValueFactory = _ => new MigrationLinkOptions().Connections,
    };

    /// <summary>Those that a verb has.</summary>
    public IReadOnlyList<Option> All => connects ? [_connections, _certificate, _key, _authority] : [_certificate, _key, _authority];

    /// <summary>Refuses what is no address.</summary>
    public static void RequireAddress(OptionResult result)
    {
        if (result.Tokens is [var token, ..] && !MigrationAddress.TryParse(token.Value, out _))
        {
            result.AddError($"{result.Option.Name} wants HOST:PORT or unix:PATH, not '{token.Value}'");
        }
    }

    /// <summary>An address that was checked before, or null where none was given.</summary>
    public static MigrationAddress? AddressOf(ParseResult result, Option<string?> option)
        => result.GetValue(option) is { } text && MigrationAddress.TryParse(text, out MigrationAddress? address) ? address : null;

    /// <summary>Whether any of them was given.</summary>
    public bool AreGiven(CommandResult result) => All.Any(option => result.GetResult(option) is { Implicit: false });

    /// <summary>Refuses certificates that are not all there, and numbers that cannot be.</summary>
    public void Validate(CommandResult result)
    {
        int given = ((Option<string?>[])[_certificate, _key, _authority]).Count(option => result.GetResult(option) is not null);
        if (given is not (0 or 3))
        {
            result.AddError("--cert, --key and --ca belong together");
        }

        if (connects && result.GetResult(_connections)?.Tokens is [var token, ..]
            && int.TryParse(token.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int count) && count is < 1 or > MigrationLink.MaxStreams)
        {
            result.AddError($"--connections wants 1 to {MigrationLink.MaxStreams}");
        }
    }

    /// <summary>What was asked for.</summary>
    /// <exception cref="ToolException">A certificate is missing, unreadable, or none.</exception>
    public MigrationLinkOptions Read(ParseResult result)
    {
        MigrationLinkOptions options = Load(PathsOf(result));
        return connects ? options with { Connections = result.GetValue(_connections) } : options;
    }

    /// <summary>The paths of certificate, key and authority, or none: for another process.</summary>
    public IReadOnlyList<string> PathsOf(ParseResult result)
        => result.GetValue(_certificate) is { } certificate ? [certificate, result.GetValue(_key)!, result.GetValue(_authority)!] : [];

    /// <summary>What such paths say.</summary>
    /// <exception cref="ToolException">As of <see cref="Read"/>.</exception>
    public static MigrationLinkOptions Load(IReadOnlyList<string> paths)
    {
        try
        {
            return new MigrationLinkOptions { Tls = paths is [var certificate, var key, var authority] ? MigrationTls.Load(certificate, key, authority) : null };
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new ToolException(ExitCodes.BadInput, exception.Message, exception);
        }
    }
}
