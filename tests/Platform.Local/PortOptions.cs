using System.Globalization;

namespace Platform.Local;

/// <summary>Reads <c>--port NAME=NUMBER</c>, any number of them.</summary>
internal static class PortOptions
{
    public static Dictionary<string, int> Parse(IReadOnlyList<string> options)
    {
        var ports = new Dictionary<string, int>();
        for (var i = 0; i < options.Count; i += 2)
        {
            if (options[i] != "--port" || i + 1 == options.Count || options[i + 1].Split('=') is not [var name, var text]
                || !int.TryParse(text, CultureInfo.InvariantCulture, out var port) || port is < 1 or > 65535)
            {
                throw new LocalStackException($"'{string.Join(' ', options.Skip(i).Take(2))}' is not understood; --port NAME=NUMBER, 1 to 65535.");
            }

            ports[name] = port;
        }

        return ports;
    }
}
