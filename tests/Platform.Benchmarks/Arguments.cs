using System.Globalization;

namespace Platform.Benchmarks;

/// <summary>Options of a benchmark: a name, then a number.</summary>
internal static class Arguments
{
    public static int Number(string[] arguments, string name, int otherwise)
    {
        var at = Array.IndexOf(arguments, name);
        return at >= 0 && at + 1 < arguments.Length ? int.Parse(arguments[at + 1], CultureInfo.InvariantCulture) : otherwise;
    }
}
