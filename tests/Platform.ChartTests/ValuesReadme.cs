using System.Text;

namespace Platform.ChartTests;

/// <summary>The table of values in the chart's README, made from the comments that begin with <c># --</c>.</summary>
internal static class ValuesReadme
{
    private const string Begin = "<!-- values -->\n";
    private const string End = "<!-- /values -->";

    public static (string Before, string After) Split(string readme) =>
        (readme[..(readme.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length)], readme[readme.IndexOf(End, StringComparison.Ordinal)..]);

    public static string Of(IReadOnlyList<string> lines)
    {
        var table = new StringBuilder("| value | default | meaning |\n|---|---|---|\n");
        var path = new List<string>();
        var comment = "";
        foreach (var line in lines)
        {
            var text = line.TrimStart();
            if (text.StartsWith('#'))
            {
                comment = text.StartsWith("# -- ", StringComparison.Ordinal) ? text[5..] : comment.Length > 0 ? $"{comment} {text[2..]}" : "";
                continue;
            }

            if (text.Length == 0 || !text.Contains(':', StringComparison.Ordinal))
            {
                comment = "";
                continue;
            }

            var depth = (line.Length - text.Length) / 2;
            path.RemoveRange(Math.Min(depth, path.Count), Math.Max(0, path.Count - depth));
            path.Add(text[..text.IndexOf(':', StringComparison.Ordinal)]);
            var value = text[(text.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
            var inside = path is ["services", _, ..] || path is [_, "resources", _, ..]; // described once, by their heading
            if (!inside && (value.Length > 0 || comment.Length > 0))
            {
                table.Append(System.Globalization.CultureInfo.InvariantCulture, $"| `{string.Join('.', path)}` | {(value.Length > 0 ? $"`{value}`" : "see values.yaml")} | {comment} |\n");
            }

            comment = "";
        }

        return table.ToString();
    }
}
