using System.Reflection;
using System.Runtime.Loader;
using Uffd.Paging;

namespace Uffd.PagerProcess;

/// <summary>Makes stores that its users have written, from their assemblies.</summary>
internal static class OwnStores
{
    /// <summary>Makes one.</summary>
    /// <param name="assemblyPath">The assembly; what it needs lies beside it.</param>
    /// <param name="typeName">The full name of the factory.</param>
    /// <param name="argument">What the factory is told.</param>
    /// <exception cref="IOException">There is no such factory, or it fails.</exception>
    public static IPageStore Create(string assemblyPath, string typeName, string argument)
    {
        if (!File.Exists(assemblyPath))
        {
            throw new FileNotFoundException($"there is no assembly {assemblyPath}", assemblyPath);
        }

        Assembly assembly = new Loader(assemblyPath).LoadFromAssemblyPath(assemblyPath);
        Type type = assembly.GetType(typeName) ?? throw new IOException($"{assemblyPath} has no type {typeName}");
        if (!type.IsAssignableTo(typeof(IPageStoreFactory)))
        {
            throw new IOException($"{typeName} is no {nameof(IPageStoreFactory)}, or was built for another version of it");
        }

        var factory = (IPageStoreFactory)Activator.CreateInstance(type)!;
        return factory.Create(argument) ?? throw new IOException($"{typeName} made no store");
    }

    /// <summary>Finds what the assembly needs beside it, and what this program has in this program: the interfaces must be the same.</summary>
    private sealed class Loader(string assemblyPath) : AssemblyLoadContext("store")
    {
        private readonly AssemblyDependencyResolver _resolver = new(assemblyPath);

        protected override Assembly? Load(AssemblyName assemblyName)
            => assemblyName.Name is "Uffd" or "Uffd.Paging" ? null
                : _resolver.ResolveAssemblyToPath(assemblyName) is { } path ? LoadFromAssemblyPath(path)
                : null;

        protected override nint LoadUnmanagedDll(string unmanagedDllName)
            => _resolver.ResolveUnmanagedDllToPath(unmanagedDllName) is { } path ? LoadUnmanagedDllFromPath(path) : 0;
    }
}
