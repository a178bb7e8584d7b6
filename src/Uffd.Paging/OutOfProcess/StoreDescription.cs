using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;

namespace Uffd.Paging;

/// <summary>Which store a pager process opens: it cannot be handed an object of this process.</summary>
public sealed record StoreDescription
{
    /// <summary>The most characters of a path or an argument.</summary>
    public const int MostCharacters = 16 << 10;

    /// <summary>For the description that a pager process receives.</summary>
    [JsonConstructor]
    internal StoreDescription()
    {
    }

    /// <summary>The kind.</summary>
    [JsonInclude]
    public StoreKind Kind { get; internal init; }

    /// <summary>The file, the file with the changes, or the assembly of one's own store; full. Else null.</summary>
    [JsonInclude]
    public string? Path { get; internal init; }

    /// <summary>The file below the changes; full. Else null.</summary>
    [JsonInclude]
    public string? BasePath { get; internal init; }

    /// <summary>The file that keeps which pages were changed; full. Else null.</summary>
    [JsonInclude]
    public string? MapPath { get; internal init; }

    /// <summary>The full name of the type of one's own factory. Else null.</summary>
    [JsonInclude]
    public string? TypeName { get; internal init; }

    /// <summary>What one's own factory is told. Else null.</summary>
    [JsonInclude]
    public string? Argument { get; internal init; }

    /// <summary>The length in bytes of a store that is made; 0 for one that is there.</summary>
    [JsonInclude]
    public ulong Length { get; internal init; }

    /// <summary>Whether it is only read. The region's memory is mapped for reading then.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>A file. Its length is the region's.</summary>
    /// <param name="path">The file.</param>
    /// <param name="length">The length to make it with, in bytes, when it is not there; 0 for one that must be there.</param>
    public static StoreDescription File(string path, ulong length = 0)
        => new() { Kind = StoreKind.File, Path = Full(path), Length = length };

    /// <summary>A file past the page cache: for files larger than memory, whose pages would be kept twice.</summary>
    /// <param name="path">The file.</param>
    /// <param name="length">As for <see cref="File"/>.</param>
    public static StoreDescription DirectFile(string path, ulong length = 0)
        => new() { Kind = StoreKind.DirectFile, Path = Full(path), Length = length };

    /// <summary>A file that is only read, and a second one that has what was changed (<see cref="LayeredPageStore"/>).</summary>
    /// <param name="basePath">The file below.</param>
    /// <param name="changesPath">The file of changes; made when it is not there.</param>
    /// <param name="mapPath">The file that keeps which pages were changed; made when it is not there. Null: the holes of the changes tell it.</param>
    public static StoreDescription Layered(string basePath, string changesPath, string? mapPath = null)
        => new() { Kind = StoreKind.Layered, BasePath = Full(basePath), Path = Full(changesPath), MapPath = mapPath is null ? null : Full(mapPath) };

    /// <summary>Memory of the pager process, which ends with it.</summary>
    /// <param name="length">Bytes.</param>
    public static StoreDescription Memory(ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        return new StoreDescription { Kind = StoreKind.Memory, Length = length };
    }

    /// <summary>One's own store.</summary>
    /// <param name="factory">A public <see cref="IPageStoreFactory"/> in an assembly that is a file.</param>
    /// <param name="argument">What it is told.</param>
    [RequiresAssemblyFiles("The pager process loads the factory's assembly from its file.")]
    public static StoreDescription Custom(Type factory, string argument)
    {
        ArgumentNullException.ThrowIfNull(factory);
        return Custom(factory.Assembly.Location, factory.FullName ?? throw new ArgumentException("a generic parameter is no factory", nameof(factory)), argument);
    }

    /// <summary>One's own store.</summary>
    /// <param name="assemblyPath">The assembly's file; what it needs lies beside it.</param>
    /// <param name="typeName">The full name of a public <see cref="IPageStoreFactory"/> in it.</param>
    /// <param name="argument">What it is told.</param>
    public static StoreDescription Custom(string assemblyPath, string typeName, string argument)
    {
        ArgumentException.ThrowIfNullOrEmpty(typeName);
        ArgumentNullException.ThrowIfNull(argument);
        return new StoreDescription { Kind = StoreKind.Custom, Path = Full(assemblyPath), TypeName = typeName, Argument = argument };
    }

    /// <summary>What is wrong with it, in one line, or null.</summary>
    internal string? FindFault()
    {
        if (!Enum.IsDefined(Kind))
        {
            return "the store's kind is not known";
        }

        foreach (string? text in (ReadOnlySpan<string?>)[Path, BasePath, MapPath, TypeName, Argument])
        {
            if (text is { Length: > MostCharacters } || (text is not null && text.Contains('\0', StringComparison.Ordinal)))
            {
                return "a text of the store's description is too long, or has a zero in it";
            }
        }

        return Kind switch
        {
            StoreKind.Memory => Length == 0 ? "a store in memory needs a length" : null,
            StoreKind.Custom when string.IsNullOrEmpty(TypeName) || Argument is null => "one's own store needs a type and an argument",
            StoreKind.Layered when !System.IO.Path.IsPathFullyQualified(BasePath ?? "") || !System.IO.Path.IsPathFullyQualified(MapPath ?? "/")
                => "a layered store needs full paths",
            _ => System.IO.Path.IsPathFullyQualified(Path ?? "") ? null : "the store needs a full path",
        };
    }

    private static string Full(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return System.IO.Path.GetFullPath(path);
    }
}
