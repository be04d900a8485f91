using Google.Protobuf.WellKnownTypes;
using Npgsql;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;
using Enum = System.Enum;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Detection.Learning;

/// <summary>Query: what was learned of an object as it was saved last, and what it allows at this hour.</summary>
internal static class LearnedSoFar
{
    public static async Task<Wire.Learned> Read(
        NpgsqlDataSource database, TenantId tenant, ObjectContent content, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select b.content, h.started_at, h.content from views.baselines_v1 b
            left join lateral (
                select started_at, content from views.traffic_history_v1 h where h.object_id = b.object_id order by started_at desc limit 1) h on true
            where b.tenant_id = $1 and b.object_id = $2
            """);
        command.Parameters.Add(new() { Value = tenant.ToGuid() });
        command.Parameters.Add(new() { Value = content.ObjectId });
        var (snapshot, grain) = ((byte[]?)null, 1L);
        await using (var reader = await command.ExecuteReaderAsync(cancellation))
        {
            if (await reader.ReadAsync(cancellation))
            {
                snapshot = reader.GetFieldValue<byte[]>(0);
                // How coarsely its traffic was sampled in the newest hour: a burst has room for some sampled packets.
                grain = await reader.IsDBNullAsync(1, cancellation) ? 1
                    : HistoryChunk.Read(reader.GetFieldValue<DateTimeOffset>(1).ToUnixTimeSeconds() / 60, reader.GetFieldValue<byte[]>(2)).Grain;
            }
        }

        var settings = content.SettingsOrDefault.Learning ?? LearningSettings.Default;
        var hours = HoursOfWeek.Find(settings.Zone) ?? HoursOfWeek.Japan;
        var baseline = snapshot is null ? new ObjectBaseline(hours) : ObjectBaseline.Restore(snapshot, hours);
        if (baseline.Progress(now).LearnedUntil <= content.SettingsOrDefault.LearnsSince)
        {
            baseline = new ObjectBaseline(hours); // it was saved before it was forgotten
        }

        var progress = baseline.Progress(now);
        return new Wire.Learned
        {
            Phase = progress.Phase.ToString().ToLowerInvariant(),
            Coverage = progress.Coverage,
            LearnedMinutes = baseline.LearnedMinutes,
            LearnedUntil = progress.LearnedUntil is { } until ? Timestamp.FromDateTimeOffset(until) : null,
            Trend = baseline.Trend,
            Rates = { Enum.GetValues<WatchLevel>().SelectMany(level => Rates(baseline, level, hours.Of(now.ToUnixTimeSeconds()), content, settings, grain)) },
        };
    }

    private static IEnumerable<Wire.LearnedRate> Rates(
        ObjectBaseline baseline, WatchLevel level, int hour, ObjectContent content, LearningSettings settings, long grain) =>
        baseline.Compile(level, hour, settings, grain).AboveIdle(content.SettingsOrDefault, level).AtLeast(content.SettingsOrDefault.Floors ?? [], level).AtLeast(Marked(baseline, level, hour, content), level).Thresholds
            .DistinctBy(learned => (learned.Vector, learned.Unit)) // the narrowest
            .Select(learned => new Wire.LearnedRate
            {
                Vector = learned.Vector.Name(),
                Level = level.Name(),
                Unit = learned.Unit.ToString().ToLowerInvariant(),
                Usual = (long)learned.Usual,
                Allowed = (long)learned.Rate,
                Burst = (long)learned.Burst,
            });

    /// <summary>What false anomalies made a floor for whichever target of this level, at this hour.</summary>
    private static IReadOnlyList<ProtectedObjects.Threshold> Marked(ObjectBaseline baseline, WatchLevel level, int hour, ObjectContent content) =>
    [
        .. (content.SettingsOrDefault.Marked ?? [])
            .Where(mark => (level is WatchLevel.Object || mark.Target is null) && mark.Hours(baseline.Hours).Has(hour))
            .SelectMany(mark => mark.Least),
    ];
}
