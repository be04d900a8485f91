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
        await using var command = database.CreateCommand("select content from views.baselines_v1 where tenant_id = $1 and object_id = $2");
        command.Parameters.Add(new() { Value = tenant.ToGuid() });
        command.Parameters.Add(new() { Value = content.ObjectId });
        var snapshot = await command.ExecuteScalarAsync(cancellation) as byte[];
        var settings = content.SettingsOrDefault.Learning ?? LearningSettings.Default;
        var hours = HoursOfWeek.Find(settings.Zone) ?? HoursOfWeek.Japan;
        var baseline = snapshot is null ? new ObjectBaseline(hours) : ObjectBaseline.Restore(snapshot, hours);
        var progress = baseline.Progress(now);
        return new Wire.Learned
        {
            Phase = progress.Phase.ToString().ToLowerInvariant(),
            Coverage = progress.Coverage,
            LearnedMinutes = baseline.LearnedMinutes,
            LearnedUntil = progress.LearnedUntil is { } until ? Timestamp.FromDateTimeOffset(until) : null,
            Trend = baseline.Trend,
            Rates = { Enum.GetValues<WatchLevel>().SelectMany(level => Rates(baseline, level, hours.Of(now.ToUnixTimeSeconds()), content, settings)) },
        };
    }

    private static IEnumerable<Wire.LearnedRate> Rates(
        ObjectBaseline baseline, WatchLevel level, int hour, ObjectContent content, LearningSettings settings) =>
        baseline.Compile(level, hour, settings, grain: 1).AtLeast(content.SettingsOrDefault.Floors ?? [], level).Thresholds
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
}
