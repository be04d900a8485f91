using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Platform.Hosting;

/// <summary>One line of text per event, with the trace that it belongs to at its end: from a log line to the whole path of a datagram or a request.</summary>
/// <remarks><c>Logging:Console:FormatterName = json</c> takes the framework's JSON instead, for collectors that read such.</remarks>
internal sealed class LineFormatter() : ConsoleFormatter("line")
{
    private static readonly string[] Levels = ["trce", "dbug", "info", "warn", "fail", "crit", "none"];

    public static void Add(ILoggingBuilder logging) => logging
        .AddConsole(console => console.FormatterName ??= "line")
        .AddConsoleFormatter<LineFormatter, ConsoleFormatterOptions>();

    public override void Write<TState>(in LogEntry<TState> entry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        textWriter.Write(TimeProvider.System.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fff", System.Globalization.CultureInfo.InvariantCulture));
        textWriter.Write($"Z {Levels[(int)entry.LogLevel]}: {entry.Category}[{entry.EventId.Id}] {OneLine(entry.Formatter(entry.State, entry.Exception))}");
        if (entry.Exception is { } exception)
        {
            textWriter.Write($" {OneLine(exception.ToString())}");
        }

        if (Activity.Current is { } activity)
        {
            textWriter.Write($" trace={activity.TraceId}");
        }

        textWriter.WriteLine();
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");
}
