using System.Globalization;
using Platform.Detection.Anomalies;
using Platform.Detection.Bandwidth;
using Platform.EventStore;

namespace Platform.Detection.SecurityEvents;

/// <summary>Read model: our own events that belong into the list of security events.</summary>
/// <remarks>Lags the stream by the projection's delay. To rebuild: bump the version and deploy.</remarks>
internal sealed class SecurityRecords : IProjection
{
    public string Name => "recorded_events_v1";

    public IReadOnlyList<string> Tables => ["recorded_events_v1"];

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        if (Describe(recorded) is { } e)
        {
            sql.Add($"""
                insert into views.recorded_events_v1 (event_id, tenant_id, at, severity, kind, subject, sentence, service_code, sentence_ja)
                values ({e.EventId}, {e.TenantId}, {e.At}, {(short)e.Severity}, {e.Kind}, {e.Subject}, {e.Sentence}, {e.ServiceCode}, {e.SentenceJa})
                on conflict do nothing
                """);
        }
    }

    private static SecurityEvent? Describe(RecordedEvent recorded) => recorded.Data switch
    {
        AnomalyDetected e => New(
            recorded,
            e.DetectedAt,
            Of(e.Severity),
            "anomaly-detected",
            e.Subject.Target.ToString(),
            e.Explanation?.Sentence ?? $"An anomaly of {e.Subject.Target}",
            e.Explanation?.SentenceJa ?? $"{e.Subject.Target}の異常を検知しました",
            e.Subject.ServiceCode),
        AnomalyChanged e => New(
            recorded,
            e.ChangedAt,
            Of(e.Severity),
            "anomaly-changed",
            e.Subject.Target.ToString(),
            e.Explanation?.Sentence ?? $"The anomaly of {e.Subject.Target} grew",
            e.Explanation?.SentenceJa ?? $"{e.Subject.Target}の異常が拡大しました",
            e.Subject.ServiceCode),
        AnomalyEnded e => New(
            recorded,
            e.EndedAt,
            e.Reason is EndReason.TelemetryMissing ? EventSeverity.Low : EventSeverity.Info,
            "anomaly-ended",
            e.Subject.Target.ToString(),
            Ended(e),
            EndedInJapanese(e),
            e.Subject.ServiceCode),
        BandwidthExceeded e => New(
            recorded,
            e.RecognisedAt,
            EventSeverity.Low,
            "bandwidth-exceeded",
            e.ServiceCode,
            e.GrewAt is null
                ? Said($"a minute's mean of {e.BitsPerSecond:N0} bits/s without an attack is above the {e.DeclaredBitsPerSecond:N0} that the contract declares")
                : Said($"traffic above the {e.DeclaredBitsPerSecond:N0} bits/s that the contract declares grew to a minute's mean of {e.BitsPerSecond:N0} without an attack"),
            e.GrewAt is null
                ? Said($"攻撃を除く1分間の平均{e.BitsPerSecond:N0} bits/sが、契約で申告された帯域{e.DeclaredBitsPerSecond:N0} bits/sを超えました")
                : Said($"契約で申告された帯域{e.DeclaredBitsPerSecond:N0} bits/sの超過が、攻撃を除く1分間の平均{e.BitsPerSecond:N0} bits/sまで拡大しました"),
            e.ServiceCode),
        BandwidthKept e => New(
            recorded,
            e.RecognisedAt,
            EventSeverity.Info,
            "bandwidth-kept",
            e.ServiceCode,
            Said($"traffic is within the declared {e.DeclaredBitsPerSecond:N0} bits/s again; the busiest minute had {e.PeakBitsPerSecond:N0}"),
            Said($"通信量は契約で申告された帯域{e.DeclaredBitsPerSecond:N0} bits/s以内に戻りました(最大の1分間は{e.PeakBitsPerSecond:N0} bits/s)"),
            e.ServiceCode),
        _ => null,
    };

    /// <summary>What is known of the end, and no more.</summary>
    internal static string Ended(AnomalyEnded e)
    {
        var over = e.Reason switch
        {
            EndReason.TelemetryMissing => $"nobody knows whether the anomaly of {e.Subject.Target} is over: telemetry is missing",
            EndReason.ObjectRemoved => $"the protected object that {e.Subject.Target} was in was removed, so its anomaly is no longer followed",
            EndReason.ContractEnded => $"{e.Subject.Target} is no longer watched, so its anomaly is no longer followed",
            _ => $"the anomaly of {e.Subject.Target} is over",
        };
        return Said($"{over}; at its height {e.PeakBitsPerSecond:N0} bits/s and {e.PeakPacketsPerSecond:N0} packets/s");
    }

    /// <summary>The same in Japanese.</summary>
    internal static string EndedInJapanese(AnomalyEnded e)
    {
        var over = e.Reason switch
        {
            EndReason.TelemetryMissing => $"フロー情報が届かないため、{e.Subject.Target}の異常が終わったかどうか分かりません",
            EndReason.ObjectRemoved => $"{e.Subject.Target}を含む保護対象が削除されたため、異常の追跡を終えました",
            EndReason.ContractEnded => $"{e.Subject.Target}は監視対象でなくなったため、異常の追跡を終えました",
            _ => $"{e.Subject.Target}の異常は終わりました",
        };
        return Said($"{over}(最大{e.PeakBitsPerSecond:N0} bits/s、{e.PeakPacketsPerSecond:N0} packets/s)");
    }

    private static SecurityEvent New(
        RecordedEvent recorded,
        DateTimeOffset at,
        EventSeverity severity,
        string kind,
        string subject,
        string sentence,
        string sentenceJa,
        string serviceCode) =>
        new(recorded.Id, recorded.TenantId.ToGuid(), at, severity, kind, subject, sentence, sentenceJa, serviceCode);

    private static EventSeverity Of(Severity severity) => (EventSeverity)(1 + (int)severity);

    private static string Said(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
