using Platform.Testing;

namespace Platform.ArchitectureTests;

/// <summary>The tree as text: many rules of the guide are about files and names, and a reader sees files.</summary>
internal static class Source
{
    public static string Root => Repository.Root;

    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal)
                && !file.Contains("/bin/", StringComparison.Ordinal)
                && !file.Contains("/node_modules/", StringComparison.Ordinal)
                && !file.Contains("/artifacts/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    public static string Relative(string file) => Path.GetRelativePath(Root, file);

    /// <summary>Folders of services: <c>services/mitigation</c> and so on, without shared code and portal.</summary>
    public static IEnumerable<string> Services() =>
        Directory.EnumerateDirectories(Path.Combine(Root, "services"))
            .Where(folder => Path.GetFileName(folder) is not ("shared" or "portal"))
            .Order(StringComparer.Ordinal);

    public static string ProjectOf(string serviceFolder) =>
        Directory.EnumerateDirectories(serviceFolder, "Platform.*")
            .Single(folder => !folder.EndsWith(".Tests", StringComparison.Ordinal) && File.Exists(Path.Combine(folder, Path.GetFileName(folder) + ".csproj")));
}
