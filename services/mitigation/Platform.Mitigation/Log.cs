using Platform.EventStore;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation;

/// <summary>Every log message of the service.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Mitigation started for anomaly {AnomalyId} of {Target}")]
    public static partial void MitigationBegan(this ILogger log, Guid anomalyId, string target);

    [LoggerMessage(2, LogLevel.Error, "No defence for anomaly {AnomalyId} of {Target}: {Code}: {Detail}")]
    public static partial void MitigationRefused(this ILogger log, Guid anomalyId, string target, string code, string detail);

    [LoggerMessage(3, LogLevel.Information, "Withdrawal of mitigation {MitigationId} is due: {Reason}")]
    public static partial void WithdrawalDue(this ILogger log, Guid mitigationId, WithdrawalReason reason);

    [LoggerMessage(4, LogLevel.Warning, "Due withdrawals wait and are looked at again")]
    public static partial void DueWithdrawalsWait(this ILogger log, Exception fault);

    [LoggerMessage(5, LogLevel.Warning, "Speaker {Speaker} at {Address} does not answer; what it shall hold waits: {Fault}")]
    public static partial void SpeakerAway(this ILogger log, string speaker, Uri address, string fault);

    [LoggerMessage(6, LogLevel.Information, "Speaker {Speaker} answers again")]
    public static partial void SpeakerReturned(this ILogger log, string speaker);

    [LoggerMessage(7, LogLevel.Information, "Speaker {Speaker}: {Added} routes added, {Withdrawn} withdrawn")]
    public static partial void TableChanged(this ILogger log, string speaker, int added, int withdrawn);

    [LoggerMessage(8, LogLevel.Warning, "The reconciler waits and looks again")]
    public static partial void ReconcilerWaits(this ILogger log, Exception fault);

    [LoggerMessage(9, LogLevel.Warning, "Speaker {Speaker} had drifted: {Missing} routes missing, {Foreign} foreign; put right (it was away: {WasAway})")]
    public static partial void DriftMended(this ILogger log, string speaker, int missing, int foreign, bool wasAway);

    [LoggerMessage(10, LogLevel.Error, "Speaker {Speaker} refuses {Route}: {Fault}")]
    public static partial void RouteRefused(this ILogger log, string speaker, string route, string fault);

    [LoggerMessage(11, LogLevel.Critical, "{Prefix} of mitigation {MitigationId} is past the limits and is not announced")]
    public static partial void PastLimits(this ILogger log, string prefix, Guid mitigationId);

    [LoggerMessage(12, LogLevel.Warning, "Mitigation {MitigationId} takes its next step: {Why}")]
    public static partial void Escalated(this ILogger log, Guid mitigationId, string why);

    [LoggerMessage(13, LogLevel.Error, "Mitigation {MitigationId} cannot take its next step: {Code}: {Detail}")]
    public static partial void EscalationRefused(this ILogger log, Guid mitigationId, string code, string detail);

    [LoggerMessage(14, LogLevel.Warning, "Effects are not measured while the telemetry bus is away: {Fault}")]
    public static partial void TrafficUnheard(this ILogger log, string fault);

    [LoggerMessage(15, LogLevel.Error, "The diversion that {ServiceCode} ordered cannot stand: {Code}: {Detail}")]
    public static partial void AlwaysOnRefused(this ILogger log, string serviceCode, string code, string detail);

    [LoggerMessage(16, LogLevel.Warning, "Scrubbing pool {Pool} is {Level} now: {Used} of {Limit} bit/s")]
    public static partial void PoolLimitCrossed(this ILogger log, string pool, Capacity.PoolLevel level, long used, long limit);

    [LoggerMessage(17, LogLevel.Error, "{What} failed; the others go on, and it is tried again")]
    public static partial void FailedAlone(this ILogger log, Exception fault, string what);

    [LoggerMessage(18, LogLevel.Error, "Mitigation {MitigationId}: {Why} What was diverted there goes {To}")]
    public static partial void PoolLeft(this ILogger log, Guid mitigationId, string why, string to);

    [LoggerMessage(20, LogLevel.Information, "Speaker {Speaker}, which the settings do not name any more, holds nothing of ours; {Withdrawn} routes were taken from it")]
    public static partial void SpeakerRetired(this ILogger log, string speaker, int withdrawn);

    [LoggerMessage(22, LogLevel.Warning, "Speaker {Speaker}: the session with {Neighbour} is up: {IsEstablished}")]
    public static partial void SessionChanged(this ILogger log, string speaker, string neighbour, bool isEstablished);

    [LoggerMessage(23, LogLevel.Warning, "Speaker {Speaker} has no neighbour at all: whether its routes reach a router is not known")]
    public static partial void NoNeighbours(this ILogger log, string speaker);

    [LoggerMessage(24, LogLevel.Warning, "What was refused waits and is asked again")]
    public static partial void RefusedWait(this ILogger log, Exception fault);

    [LoggerMessage(25, LogLevel.Error, "Mitigation {MitigationId} does not let through whom an allow-list names: {Code}: {Detail}")]
    public static partial void AllowanceRefused(this ILogger log, Guid mitigationId, string code, string detail);

    [LoggerMessage(26, LogLevel.Error, "Speaker {Speaker} holds {Route} and tells no router of it: it has a better path to the same place, which is not ours")]
    public static partial void RouteOutdone(this ILogger log, string speaker, string route);

    /// <summary>Once for each reason: what is refused again for the same is said already.</summary>
    public static void StepDecided(this ILogger log, Guid mitigationId, Decision<MitigationEvent> decision)
    {
        if (decision is Decision<MitigationEvent>.Accepted([StepRefused refused, ..]))
        {
            log.EscalationRefused(mitigationId, refused.Code, refused.Detail);
        }
    }

    public static void Decided(this ILogger log, Guid anomalyId, string target, Decision<MitigationEvent> decision)
    {
        if (decision is not Decision<MitigationEvent>.Accepted(var events))
        {
            return;
        }

        foreach (var happened in events)
        {
            switch (happened)
            {
                case MitigationStarted:
                    log.MitigationBegan(anomalyId, target);
                    break;
                case MitigationFailed failed:
                    log.MitigationRefused(anomalyId, target, failed.Code, failed.Detail);
                    break;
            }
        }
    }
}
