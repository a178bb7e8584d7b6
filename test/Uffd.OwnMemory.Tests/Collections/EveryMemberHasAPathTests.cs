using System.Reflection;
using Uffd.OwnMemory.Hang;
using Uffd.Paging;

namespace Uffd.OwnMemory.Tests;

/// <summary>
/// The hang program knows every public member through which paged memory can be touched. A new one without a path fails here: add
/// a step to test/Uffd.OwnMemory.Hang/Paths, and name the member there.
/// </summary>
public class EveryMemberHasAPathTests
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>The types that a user sees; they may hold paged memory through one that nobody sees.</summary>
    private static IEnumerable<Type> Exported => TouchingTypes(typeof(PagedRegion).Assembly.GetTypes()).Where(type => type.IsVisible);

    [Fact]
    public void Every_public_member_is_named_by_a_path()
        => Assert.Empty(PublicMembers(Exported).Except(Covered(), StringComparer.Ordinal));

    [Fact]
    public void Every_name_is_that_of_a_member()
        => Assert.Empty(Covered().Except(PublicMembers(Exported), StringComparer.Ordinal));

    [Fact]
    public void Types_that_hold_such_types_are_found()
    {
        Type[] types = TouchingTypes([typeof(PagedMemory), typeof(Holder<>), typeof(HolderOfHolder), typeof(Stranger)]);
        Assert.Equal([nameof(PagedMemory), "Holder<T>", nameof(HolderOfHolder)], types.Select(TypeName), StringComparer.Ordinal);
        Assert.Equal(
            ["Holder<T>.Item", "Holder<T>.Take(Int32)", "Holder<T>.Take(String)", "Holder<T>.new"],
            PublicMembers([typeof(Holder<>)]).Order(StringComparer.Ordinal),
            StringComparer.Ordinal);
    }

    private static IEnumerable<string> Covered() => AccessPaths.All.SelectMany(path => path.Covers).Distinct(StringComparer.Ordinal);

    /// <summary>Those that touch paged memory: the three, and all that have a field of such a type.</summary>
    private static Type[] TouchingTypes(Type[] types)
    {
        var touching = new HashSet<Type> { typeof(PagedRegion), typeof(PagedMemory), typeof(PageLease) };
        int before;
        do
        {
            before = touching.Count;
            touching.UnionWith(types.Where(type => type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).Any(field => IsAny(field.FieldType, touching))));
        }
        while (touching.Count > before);
        return [.. types.Where(touching.Contains)];
    }

    private static bool IsAny(Type type, HashSet<Type> touching)
        => touching.Contains(type.IsGenericType ? type.GetGenericTypeDefinition() : type)
            || (type.HasElementType && IsAny(type.GetElementType()!, touching))
            || type.GenericTypeArguments.Any(argument => IsAny(argument, touching));

    private static IEnumerable<string> PublicMembers(IEnumerable<Type> types)
    {
        foreach (Type type in types)
        {
            MethodBase[] methods =
            [
                .. type.GetMethods(Declared).Where(method => !method.IsSpecialName && method.GetBaseDefinition().DeclaringType != typeof(object) && method.GetBaseDefinition().DeclaringType != typeof(ValueType)),
                .. type.GetConstructors(Declared),
            ];
            foreach (IGrouping<string, MethodBase> overloads in methods.GroupBy(method => method.IsConstructor ? "new" : method.Name, StringComparer.Ordinal))
            {
                foreach (MethodBase method in overloads)
                {
                    yield return $"{TypeName(type)}.{overloads.Key}{(overloads.Count() > 1 ? $"({string.Join(", ", method.GetParameters().Select(parameter => NameOf(parameter.ParameterType)))})" : "")}";
                }
            }

            foreach (PropertyInfo property in type.GetProperties(Declared))
            {
                yield return $"{TypeName(type)}.{property.Name}";
            }
        }
    }

    /// <summary>With what it is nested in, and with the mark of a generic type: <c>PageLease</c> and <c>PageLease&lt;T&gt;</c> are two.</summary>
    private static string TypeName(Type type)
    {
        string name = NameOf(type) + (type.Name.Contains('`', StringComparison.Ordinal) ? "<T>" : "");
        return type.IsNested && type.DeclaringType!.Assembly == typeof(PagedRegion).Assembly ? $"{TypeName(type.DeclaringType)}.{name}" : name;
    }

    private static string NameOf(Type type)
    {
        int mark = type.Name.IndexOf('`', StringComparison.Ordinal);
        return mark < 0 ? type.Name : type.Name[..mark];
    }

    private sealed class Holder<T>(PagedMemory memory)
        where T : unmanaged
    {
        public PagedMemory[] Item { get; } = [memory];

        public T Take(int offset) => Item[0].Read<T>(offset);

        public T Take(string offset) => Item[0].Read<T>(offset.Length);
    }

    private sealed class HolderOfHolder(List<Holder<int>> holders)
    {
        public int Count => holders.Count;
    }

    private sealed class Stranger(List<string> names)
    {
        public int Count => names.Count;
    }
}
