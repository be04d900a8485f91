using Npgsql;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;

namespace Platform.Detection.Anomalies;

/// <summary>An anomaly of the same target on one of the days before.</summary>
/// <param name="AnomalyId">Which.</param>
/// <param name="DetectedAt">When it was recognised (UTC).</param>
/// <param name="EndedAt">When its end was (UTC); null: it is open still.</param>
/// <param name="PeakBitsPerSecond">Greatest rate of all.</param>
/// <param name="PeakPacketsPerSecond">Greatest rate of all.</param>
/// <param name="Vectors">Names of those that were over.</param>
internal sealed record EarlierAnomaly(
    Guid AnomalyId, DateTimeOffset DetectedAt, DateTimeOffset? EndedAt, long PeakBitsPerSecond, long PeakPacketsPerSecond, IReadOnlyList<string> Vectors);

/// <summary>What comes at the same hour of most days is somebody's job more likely than an attack; who knows it can say so.</summary>
internal static class Recurrence
{
    /// <summary>Days that are looked at.</summary>
    public const int Days = 7;

    private const int LeastDays = 3; // of these
    private const int MostTimes = 3; // what the earlier ones had: more than that is not the same
    private const int MostOfDay = 50; // that are read of one day's hour: the largest, because who is attacked all day long has many
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    /// <summary>Of those before it the ones that are its like, one of each day, newest first; empty when they came on too few days.</summary>
    /// <param name="earlier">Of the same target.</param>
    /// <param name="at">When this one was recognised (UTC).</param>
    /// <param name="vector">That it is told by.</param>
    /// <param name="peakBits">Its greatest rate so far.</param>
    /// <param name="peakPackets">Its greatest rate so far.</param>
    public static IReadOnlyList<EarlierAnomaly> Of(IReadOnlyList<EarlierAnomaly> earlier, DateTimeOffset at, string vector, long peakBits, long peakPackets)
    {
        EarlierAnomaly[] alike =
        [
            .. earlier
                .Where(one => one.Vectors.Contains(vector)
                    && DaysBefore(one) is >= 1 and <= Days && (at - one.DetectedAt - DaysBefore(one) * Day).Duration() <= Hour
                    && peakBits <= MostTimes * one.PeakBitsPerSecond && peakPackets <= MostTimes * one.PeakPacketsPerSecond)
                .GroupBy(DaysBefore)
                .OrderBy(day => day.Key)
                .Select(day => day.MaxBy(one => one.PeakPacketsPerSecond)!),
        ];
        return alike.Length >= LeastDays ? alike : [];

        int DaysBefore(EarlierAnomaly one) => (int)Math.Round((at - one.DetectedAt) / Day);
    }

    /// <summary>
    /// Query: what the target had of this vector at the same hour of the days before, of each day the largest; of an object those of the whole, whichever prefix
    /// names them.
    /// </summary>
    public static async Task<IReadOnlyList<EarlierAnomaly>> Read(NpgsqlDataSource database, TenantId tenant, JudgeSecond second, CancellationToken cancellation)
    {
        var subject = second.Subject;
        await using var command = database.CreateCommand(
            $"""
            select a.* from generate_series(1, $9) day
            cross join lateral (
                select anomaly_id, detected_at, ended_at, peak_bits_per_second, peak_packets_per_second, vectors from views.anomalies_v1
                where tenant_id = $1 and object_id = $2 and level = $3 and {(subject.Level is WatchLevel.Object ? "$4::cidr is not null" : "target = $4")} and direction = $5 and anomaly_id <> $6
                    and detected_at between $7 - day * interval '24 hours' - $8 and $7 - day * interval '24 hours' + $8 and $10 = any(vectors)
                order by peak_packets_per_second desc
                limit $11) a
            """);
        command.Parameters.Add(new() { Value = tenant.ToGuid() });
        command.Parameters.Add(new() { Value = subject.ObjectId });
        command.Parameters.Add(new() { Value = (short)subject.Level });
        command.Parameters.Add(new() { Value = subject.Target });
        command.Parameters.Add(new() { Value = (short)subject.Direction });
        command.Parameters.Add(new() { Value = subject.AnomalyId });
        command.Parameters.Add(new() { Value = second.OpenSince ?? second.At }); // it may have been open for long
        command.Parameters.Add(new() { Value = Hour });
        command.Parameters.Add(new() { Value = Days });
        command.Parameters.Add(new() { Value = second.Explanation?.Vector ?? second.Over[0].Vector.Name() });
        command.Parameters.Add(new() { Value = MostOfDay });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var earlier = new List<EarlierAnomaly>();
        while (await reader.ReadAsync(cancellation))
        {
            earlier.Add(new(
                reader.GetGuid(0),
                reader.GetFieldValue<DateTimeOffset>(1),
                await reader.IsDBNullAsync(2, cancellation) ? null : reader.GetFieldValue<DateTimeOffset>(2),
                reader.GetInt64(3),
                reader.GetInt64(4),
                reader.GetFieldValue<string[]>(5)));
        }

        return earlier;
    }
}
