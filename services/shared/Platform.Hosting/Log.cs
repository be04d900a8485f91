using Microsoft.Extensions.Logging;

namespace Platform.Hosting;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Migrated: {Step}")]
    public static partial void Migrated(this ILogger log, string step);

    [LoggerMessage(2, LogLevel.Critical, "Not started, invalid setting: {Failure}")]
    public static partial void InvalidSetting(this ILogger log, string failure);

    [LoggerMessage(3, LogLevel.Critical, "Not started, address in use: {Failure} Stop the other process or set another port under Listen.")]
    public static partial void AddressInUse(this ILogger log, string failure);

    [LoggerMessage(4, LogLevel.Warning, "Relay was interrupted and begins again at its checkpoint in {Delay}; nothing is lost meanwhile")]
    public static partial void RelayWaits(this ILogger log, Exception reason, TimeSpan delay);

    [LoggerMessage(5, LogLevel.Warning, "A fact changed nothing: {Code}: {Detail} (message {MessageId})")]
    public static partial void FactRefused(this ILogger log, string code, string detail, Guid? messageId);

    [LoggerMessage(6, LogLevel.Error, "Relay stopped at event {Sequence}: it cannot be read or published. Facts after it wait until this is repaired.")]
    public static partial void RelayStopped(this ILogger log, long sequence, Exception reason);
}
