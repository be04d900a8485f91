namespace Platform.Scrubber;

/// <summary>Every log message of the agent.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "{Count} filters in force")]
    public static partial void Applied(this ILogger log, int count);

    [LoggerMessage(2, LogLevel.Warning, "The controller at {Controller} does not answer; filters stay until their lease runs out: {Fault}")]
    public static partial void ControllerAway(this ILogger log, Uri controller, string fault);

    [LoggerMessage(3, LogLevel.Information, "The controller answers again")]
    public static partial void ControllerReturned(this ILogger log);

    [LoggerMessage(4, LogLevel.Error, "The kernel refuses filters; what stands is left as it is: {Fault}")]
    public static partial void KernelRefuses(this ILogger log, string fault);

    [LoggerMessage(5, LogLevel.Error, "The kernel refuses this filter, the others are in force: {FilterId}")]
    public static partial void FilterRefused(this ILogger log, string filterId);

    [LoggerMessage(7, LogLevel.Error, "The way back of cleaned traffic cannot be made: {Fault}")]
    public static partial void NoWayBack(this ILogger log, string fault);

    [LoggerMessage(6, LogLevel.Information, "Connection attempts can be answered for a victim here: {Can}")]
    public static partial void SynProxy(this ILogger log, bool can);
}
