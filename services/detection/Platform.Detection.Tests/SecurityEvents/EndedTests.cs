using System.Net;
using Platform.Detection.Anomalies;
using Platform.Detection.SecurityEvents;

namespace Platform.Detection.Tests.SecurityEvents;

[Trait("Requirement", "R4")]
public sealed class EndedTests
{
    [Theory]
    [InlineData(EndReason.Subsided, "the anomaly of 203.0.113.10/32 is over; at its height 2,000 bits/s and 3 packets/s", "203.0.113.10/32の異常は終わりました(最大2,000 bits/s、3 packets/s)")]
    [InlineData(EndReason.ContractEnded, "203.0.113.10/32 is no longer watched, so its anomaly is no longer followed; at its height 2,000 bits/s and 3 packets/s", "203.0.113.10/32は監視対象でなくなったため、異常の追跡を終えました(最大2,000 bits/s、3 packets/s)")]
    [InlineData(EndReason.ObjectRemoved, "the protected object that 203.0.113.10/32 was in was removed, so its anomaly is no longer followed; at its height 2,000 bits/s and 3 packets/s", "203.0.113.10/32を含む保護対象が削除されたため、異常の追跡を終えました(最大2,000 bits/s、3 packets/s)")]
    [InlineData(EndReason.TelemetryMissing, "nobody knows whether the anomaly of 203.0.113.10/32 is over: telemetry is missing; at its height 2,000 bits/s and 3 packets/s", "フロー情報が届かないため、203.0.113.10/32の異常が終わったかどうか分かりません(最大2,000 bits/s、3 packets/s)")]
    internal void What_ended_is_told_with_what_is_known_of_it(EndReason reason, string sentence, string japanese)
    {
        var subject = new AnomalySubject(Guid.Empty, Guid.Empty, "DP00000001", IPNetwork.Parse("203.0.113.10/32"));
        var ended = new AnomalyEnded(subject, 2_000, 3, reason, default, default);
        Assert.Equal((sentence, japanese), (SecurityRecords.Ended(ended), SecurityRecords.EndedInJapanese(ended)));
    }
}
