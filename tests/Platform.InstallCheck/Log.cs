namespace Platform.InstallCheck;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "{Step}")]
    public static partial void Seen(this ILogger log, string step);

    [LoggerMessage(2, LogLevel.Error, "Not seen within {Patience}: {What}. Last: {Last}")]
    public static partial void NotSeen(this ILogger log, string what, TimeSpan patience, string last);

    [LoggerMessage(3, LogLevel.Information, "{Result}")]
    public static partial void Result(this ILogger log, string result);
}
