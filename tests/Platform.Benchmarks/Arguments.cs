using System.Globalization;

namespace Platform.Benchmarks;

/// <summary>Options of a benchmark: a name, then its value.</summary>
internal static class Arguments
{
    public static int Number(string[] arguments, string name, int otherwise) =>
        Text(arguments, name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    /// <summary>Null when it is not there.</summary>
    public static string? Text(string[] arguments, string name)
    {
        var at = Array.IndexOf(arguments, name);
        return at >= 0 && at + 1 < arguments.Length ? arguments[at + 1] : null;
    }
}
