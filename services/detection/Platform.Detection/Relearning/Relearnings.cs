using Google.Protobuf.WellKnownTypes;
using Npgsql;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;
using Platform.Hosting;
using static System.FormattableString;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Detection.Relearning;

/// <summary>Query: what a period says about an object's thresholds. Refuses what cannot be answered.</summary>
internal sealed class Relearnings(NpgsqlDataSource database, TrafficHistories histories, TimeProvider clock) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1); // weeks of minutes: many at once would take the judges' time

    public void Dispose() => _one.Dispose();

    public async Task<(ObjectContent Content, RelearningReport Report)> Report(
        TenantSession session, Guid objectId, Timestamp? from, Timestamp? until, CancellationToken cancellation)
    {
        var (key, state) = await ObjectStreams.Find(session, objectId, cancellation);
        if (!state.Objects.TryGetValue(objectId, out var content))
        {
            throw ProtectedObjectRejections.Unknown(objectId).ToRpcException();
        }

        var now = clock.GetUtcNow();
        var (start, end) = (from?.ToDateTimeOffset() ?? default, until?.ToDateTimeOffset() ?? default);
        if (end <= start || start < now - TrafficHistories.Kept)
        {
            throw ProtectedObjectRejections.PeriodInvalid($"A period begins at most {TrafficHistories.Kept.Days} days ago and ends after it began.").ToRpcException();
        }

        var events = await session.Read(ProtectedObjectState.Stream, key, cancellation);
        var regroupedAt = Regroupings.Last(objectId, events.Select(recorded => (ProtectedObjectEvent)recorded.Data));
        await _one.WaitAsync(cancellation);
        try
        {
            return await Of(session, content, start, end, now - RelearningReport.FiringPeriod, regroupedAt, cancellation) is { } report
                ? (content, report)
                : throw ProtectedObjectRejections.PeriodInvalid(TooFew(regroupedAt)).ToRpcException();
        }
        finally
        {
            _one.Release();
        }
    }

    private static string TooFew(DateTimeOffset? regroupedAt) => regroupedAt is { } at
        ? Invariant($"Fewer than {RelearningReport.LeastMinutes} minutes of it are known; the object has had its addresses since {RelearningReport.FirstMinuteAfter(at):yyyy-MM-dd HH:mm} UTC.")
        : Invariant($"Fewer than {RelearningReport.LeastMinutes} minutes of it are known.");

    private async Task<RelearningReport?> Of(
        TenantSession session,
        ObjectContent content,
        DateTimeOffset start,
        DateTimeOffset end,
        DateTimeOffset firedFrom,
        DateTimeOffset? regroupedAt,
        CancellationToken cancellation)
    {
        var history = await histories.Read(session.Tenant.ToGuid(), content.ObjectId, start < firedFrom ? start : firedFrom, cancellation);
        var anomalies = await AroundFalseOnes(session.Tenant.ToGuid(), content.ObjectId, cancellation);
        return RelearningReport.Of(
            history, content.Thresholds, content.SettingsOrDefault.Learning ?? LearningSettings.Default, start, end, firedFrom, anomalies, regroupedAt);
    }

    /// <summary>The object's anomalies that were marked false, and those that were open at about the same time.</summary>
    private async Task<IReadOnlyList<AnomalyTime>> AroundFalseOnes(Guid tenantId, Guid objectId, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select since, ended_at, marked_false_at is not null
            from views.anomalies_v1 one
            where tenant_id = $1 and object_id = $2 and direction = 0 and exists (
                select from views.anomalies_v1 none
                where none.tenant_id = $1 and none.object_id = $2 and none.direction = 0 and none.marked_false_at is not null
                    and none.since < coalesce(one.ended_at, 'infinity') + interval '5 minutes'
                    and one.since < coalesce(none.ended_at, 'infinity') + interval '5 minutes')
            """);
        command.Parameters.Add(new() { Value = tenantId });
        command.Parameters.Add(new() { Value = objectId });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var anomalies = new List<AnomalyTime>();
        while (await reader.ReadAsync(cancellation))
        {
            anomalies.Add(new(
                reader.GetFieldValue<DateTimeOffset>(0), reader.IsDBNull(1) ? null : reader.GetFieldValue<DateTimeOffset>(1), reader.GetBoolean(2)));
        }

        return anomalies;
    }
}

/// <summary>Reports as the gRPC surface says them.</summary>
internal static class RelearningWire
{
    public static Wire.RelearningReport Describe(this RelearningReport report, long version) => new()
    {
        From = Timestamp.FromDateTimeOffset(report.From),
        Until = Timestamp.FromDateTimeOffset(report.Until),
        Version = version,
        Fingerprint = report.Fingerprint,
        LearnedMinutes = report.LearnedMinutes,
        RefusedMinutes = report.RefusedMinutes,
        FiredMinutes = report.FiredMinutes,
        OfAnomalies = report.IsOfAnomalies,
        AddressesSince = report.AddressesSince is { } since ? Timestamp.FromDateTimeOffset(since) : null,
        Rates =
        {
            report.Rates.Select(rate => new Wire.RelearnedRate
            {
                Vector = rate.Key.Vector.Name(),
                Level = rate.Key.Level.Name(),
                Direction = rate.Key.Direction.Name(),
                Unit = rate.Unit.ToString().ToLowerInvariant(),
                Old = rate.Old ?? 0,
                Proposed = rate.Proposed,
                Median = rate.Seen.Median,
                P95 = rate.Seen.P95,
                P99 = rate.Seen.P99,
                P999 = rate.Seen.P999,
                Highest = rate.Seen.Highest,
                OldFired = rate.OldFired?.Times ?? 0,
                OldFiredInAnomalies = rate.OldFired?.InAnomalies ?? 0,
                ProposedFired = rate.ProposedFired.Times,
                ProposedFiredInAnomalies = rate.ProposedFired.InAnomalies,
            }),
        },
    };
}
