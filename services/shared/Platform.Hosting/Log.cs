using Microsoft.Extensions.Logging;
using Platform.EventStore;

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

    [LoggerMessage(7, LogLevel.Information, "Anchored {Day} of tenant {Tenant}: {Digest}")]
    public static partial void Anchored(this ILogger log, DateOnly day, TenantId tenant, string digest);

    [LoggerMessage(8, LogLevel.Warning, "Chain heads could not be anchored; tried again in {Delay}")]
    public static partial void AnchorsWait(this ILogger log, Exception reason, TimeSpan delay);

    [LoggerMessage(9, LogLevel.Information, "Verified tenant {Tenant}: {Events} events, {Foreign} of other writers, {Findings} not as written")]
    public static partial void Verified(this ILogger log, TenantId tenant, long events, int foreign, int findings);

    [LoggerMessage(10, LogLevel.Error, "Not as it was written: tenant {Tenant}, {Finding}")]
    public static partial void NotAsWritten(this ILogger log, TenantId tenant, AuditFinding finding);

    [LoggerMessage(15, LogLevel.Information, "Of another writer, without a hash: tenant {Tenant}, {Stream} version {Version}")]
    public static partial void OfAnotherWriter(this ILogger log, TenantId tenant, string stream, long version);

    [LoggerMessage(11, LogLevel.Warning, "Reader {Reader} is {Behind} behind, {Events} events; the oldest open transaction that appends is server process {Writer} (0: none)")]
    public static partial void ReaderBehind(this ILogger log, string reader, TimeSpan behind, long events, int writer);

    [LoggerMessage(12, LogLevel.Warning, "How far readers are behind could not be measured; tried again in {Delay}")]
    public static partial void LagUnknown(this ILogger log, Exception reason, TimeSpan delay);

    [LoggerMessage(13, LogLevel.Information, "Rebuilt: {Projection}")]
    public static partial void Rebuilt(this ILogger log, string projection);

    [LoggerMessage(16, LogLevel.Warning, "Migration waits for {Step}, tried again in {Delay}: {Failure}")]
    public static partial void MigrationWaits(this ILogger log, string step, string failure, TimeSpan delay);

    [LoggerMessage(17, LogLevel.Information, "The relay tells {Events} events since {Since} once more; whoever has heard them already changes nothing")]
    public static partial void Republishes(this ILogger log, long events, DateTimeOffset since);

    [LoggerMessage(18, LogLevel.Error, "Republish since when? '{Text}' is no time such as 2030-01-01T00:00:00Z")]
    public static partial void NoTime(this ILogger log, string text);

    [LoggerMessage(19, LogLevel.Information, "{Queue} holds {Messages} messages")]
    public static partial void ErrorQueueHolds(this ILogger log, string queue, uint messages);

    [LoggerMessage(21, LogLevel.Information, "Message {MessageId} failed with {Exception}: {Reason} ({At})")]
    public static partial void Faulted(this ILogger log, string? messageId, string exception, string reason, string at);

    [LoggerMessage(22, LogLevel.Error, "{Queue} cannot be read, or what it holds cannot be given back: {Failure}")]
    public static partial void NoErrorQueue(this ILogger log, string queue, string failure);

    [LoggerMessage(14, LogLevel.Error, "No projection is named {Projection}; there are: {Projections}")]
    public static partial void NoProjection(this ILogger log, string projection, string projections);
}
