using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;
using Platform.Testing;

namespace Platform.Detection.Tests.Anomalies;

/// <summary>What comes at the same hour of most days is told so, with what proves it: who knows the job marks it once.</summary>
[Trait("Requirement", "R5")]
public sealed class RecurrenceTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 8, 12, 0, 0, TimeSpan.Zero);

    private static readonly AnomalySubject Subject = new(
        Guid.Parse("0190aaaa-0000-7000-8000-000000000009"), Guid.Parse("0190bbbb-0000-7000-8000-000000000001"), "DP00000001", System.Net.IPNetwork.Parse("203.0.113.10/32"));

    private static readonly Explanation Why = new(
        "udp reached 20,000 packets/s", "learned", "udp", TrafficUnit.Packets, 20_000, 4_000, 250, null, null, [], Evidence.None, SentenceJa: "udpが20,000 packets/sに達しました");

    [Fact]
    public void An_anomaly_whose_like_came_at_this_hour_on_three_days_says_so_in_both_languages_with_the_facts()
    {
        EarlierAnomaly[] earlier = [Before(days: 1, minutes: 4), Before(days: 2, packets: 21_000), Before(days: 2, minutes: 30, packets: 19_000), Before(days: 3, minutes: -50)];
        var told = Why with
        {
            Sentence = "udp reached 20,000 packets/s; the same came at this hour on 3 of the last 7 days, with up to 21,000 packets/s: a job?",
            SentenceJa = "udpが20,000 packets/sに達しました。過去7日間のうち3日、同じ時間帯に同様の通信(最大21,000 packets/s)がありました。定期的なジョブではありませんか",
            Earlier = [earlier[0], earlier[1], earlier[3]],
        };
        var opened = new AnomalyDetected(Subject, [Over], 16_000_000, 20_000, Noon, Noon, Severity.High, told);

        With().When(state => Judge(state, earlier)).Then(opened);
        Assert.Contains("up to 8,000,000 bits/s", (Why with { Unit = TrafficUnit.Bits }).After(earlier).Sentence, StringComparison.Ordinal);

        // What it grows to is told with it as long as it is the same; the time is that of its beginning.
        var changed = new AnomalyChanged(Subject, [Over], 32_000_000, 40_000, 1, Noon.AddHours(3), Severity.High, 1, told);
        EarlierAnomaly[] larger = [.. earlier.Select(one => one with { PeakBitsPerSecond = 20_000_000 })];
        With(opened).When(state => Judge(state, larger, 40_000, Noon.AddHours(3))).Then(changed with { Severity = Assert.IsType<AnomalyChanged>(Decided(opened, larger, 40_000)).Severity, Explanation = told with { Earlier = [larger[0], larger[1], larger[3]] } });
        Assert.Equal(Why, Assert.IsType<AnomalyChanged>(Decided(opened, larger, 64_000)).Explanation); // more than three times what came before
    }

    [Fact]
    public void What_came_on_two_days_or_at_another_hour_or_of_another_vector_or_was_much_less_says_nothing()
    {
        Says(1, 2);
        Says(1, 2, 8); // longer ago than a week
        Assert.Equal(Why, Told([.. Days(1, 2), Before(days: 3, minutes: 61)]));
        Assert.Equal(Why, Told([.. Days(1, 2), Before(days: 3, minutes: -61)]));
        Assert.Equal(Why, Told([.. Days(1, 2), Before(days: 3) with { Vectors = ["tcp-syn"] }]));
        Assert.Equal(Why, Told([.. Days(1, 2), Before(days: 3, packets: 6_000)])); // a third of it is the least
        Assert.Equal(Why, Told([.. Days(1, 2), Before(days: 0, minutes: -30)])); // of today

        Assert.Equal(4, Told(Days(1, 3, 5, 7)).Earlier!.Count);
        Assert.Contains("on 5 of the last 7 days", Told(Days(1, 4, 5, 6, 7)).Sentence, StringComparison.Ordinal); // a job of working days on a Tuesday

        void Says(params int[] days) => Assert.Equal(Why, Told(Days(days)));
    }

    private static EarlierAnomaly[] Days(params int[] days) => [.. days.Select(day => Before(day))];

    private static Explanation Told(EarlierAnomaly[] earlier) => Assert.IsType<AnomalyDetected>(
        Assert.Single(Assert.IsType<Decision<AnomalyEvent>.Accepted>(Judge(AnomalyState.Quiet, earlier)).Events)).Explanation!;

    private static AnomalyEvent Decided(AnomalyEvent given, EarlierAnomaly[] earlier, long packets) =>
        Assert.Single(Assert.IsType<Decision<AnomalyEvent>.Accepted>(Judge(AnomalyState.Evolve(AnomalyState.Quiet, given), earlier, packets, Noon.AddHours(3))).Events);

    private static EarlierAnomaly Before(int days, int minutes = 0, long packets = 20_000) => new(
        new Guid(days, 0, (short)minutes, new byte[8]), Noon.AddDays(-days).AddMinutes(minutes), Noon.AddDays(-days).AddMinutes(minutes + 15), 8_000_000, packets, ["total", "udp"]);

    private static VectorMeasurement Over => new(TrafficVector.Udp, 16_000_000, 20_000, null, 4_000);

    private static Spec<AnomalyState, AnomalyEvent> With(params IEnumerable<AnomalyEvent> happened) => Spec.For(AnomalyState.Stream).Given(happened);

    private static Decision<AnomalyEvent> Judge(AnomalyState state, EarlierAnomaly[] earlier, long packets = 20_000, DateTimeOffset? at = null) => AnomalyDecider.Decide(
        state, new JudgeSecond(Subject, Noon, new(packets * 800, packets), [Over], Pulses: 1, Why, at ?? Noon, Earlier: earlier));
}

/// <summary>The same from the service: what was recorded on the days before is told with what is found.</summary>
public sealed class RecurringAnomaliesTests(PostgresDatabase database, RabbitMqVirtualHost broker) : ServiceTests(database, broker)
{
    [Fact, Trait("Requirement", "R5")]
    public async Task What_came_at_this_hour_on_the_days_before_is_told_with_its_anomalies()
    {
        await Watch("203.0.113.0/24");
        var now = Host.Clock.GetUtcNow();
        Guid[] past = [.. Enumerable.Range(0, 5).Select(_ => Customer.NewId())];
        for (var day = 1; day <= 3; day++)
        {
            await Came(past[day], "203.0.113.10", now.AddDays(-day).AddMinutes(day));
        }

        await Came(past[0], "203.0.113.20", now.AddDays(-1)); // another host
        await Came(past[4], "203.0.113.10", now.AddDays(-4).AddHours(5)); // another hour
        await Host.CatchUp();

        await _service.Send(_customer, "203.0.113.10", OverTheDefault);
        await _service.Send(_customer, "203.0.113.20", OverTheDefault);
        var seen = await Eventually.Get(Open, open => open.Count == 2, what: "both anomalies");

        var job = seen.Single(anomaly => anomaly.Target == "203.0.113.10/32").Explanation;
        Assert.Contains("; the same came at this hour on 3 of the last 7 days, with up to 400,000 packets/s: a job?", job.Sentence, StringComparison.Ordinal);
        Assert.Contains("過去7日間のうち3日、同じ時間帯に", job.SentenceJa, StringComparison.Ordinal);
        Assert.Equal(past[1..4].Select(id => $"{id}"), job.Earlier.Select(one => one.AnomalyId));
        Assert.All(job.Earlier, one => Assert.Equal(TimeSpan.FromMinutes(15), one.EndedAt.ToDateTimeOffset() - one.DetectedAt.ToDateTimeOffset()));
        var other = seen.Single(anomaly => anomaly.Target == "203.0.113.20/32").Explanation;
        Assert.DoesNotContain("a job?", other.Sentence, StringComparison.Ordinal);
        Assert.Empty(other.Earlier);
    }

    /// <summary>An object that is attacked all day long has its jobs, too.</summary>
    [Fact, Trait("Requirement", "R5")]
    public async Task However_many_came_at_other_hours_or_were_less_what_came_at_this_hour_is_told()
    {
        await Watch("203.0.113.0/24");
        var now = Host.Clock.GetUtcNow();
        Guid[] past = [.. Enumerable.Range(0, 3).Select(_ => Customer.NewId())];
        for (var day = 1; day <= 3; day++)
        {
            await Came(past[day - 1], "203.0.113.10", now.AddDays(-day).AddMinutes(-day));
        }

        await Came("203.0.113.10", OverTheDefault, [.. Enumerable.Range(0, 250).Select(one => (Customer.NewId(), now.AddHours(-2).AddMinutes(-2 * one)))]);
        await Came("203.0.113.10", OverTheDefault / 2, [.. Enumerable.Range(0, 250).Select(one => (Customer.NewId(), now.AddDays(-1).AddSeconds(one)))]);
        await Host.CatchUp();

        await _service.Send(_customer, "203.0.113.10", OverTheDefault);
        var job = Assert.Single(await Eventually.Get(Open, open => open.Count == 1, what: "the anomaly")).Explanation;

        Assert.Contains("; the same came at this hour on 3 of the last 7 days, with up to 400,000 packets/s: a job?", job.Sentence, StringComparison.Ordinal);
        Assert.Equal(past.Select(id => $"{id}"), job.Earlier.Select(one => one.AnomalyId));
    }

    private Task Came(Guid id, string host, DateTimeOffset at) => Came(host, OverTheDefault, (id, at));

    private async Task Came(string host, long packets, params (Guid Id, DateTimeOffset At)[] times)
    {
        var target = System.Net.IPNetwork.Parse($"{host}/32");
        VectorMeasurement[] over = [new(TrafficVector.Total, packets * 800, packets, null, 1_000), new(TrafficVector.Udp, packets * 800, packets, null, 1_000)];
        var session = Host.Store.Tenant(TenantId.Of(_customer.TenantId));
        await session.Handle(
            AnomalyState.Stream,
            AnomalyState.KeyOf(_customer.ContractId, target),
            _ => (AnomalyEvent[])
            [
                .. times.SelectMany(one => (AnomalyEvent[])
                [
                    new AnomalyDetected(Subject(one.Id), over, packets * 800, packets, one.At, one.At),
                    new AnomalyEnded(Subject(one.Id), packets * 800, packets, EndReason.Subsided, one.At.AddMinutes(15), one.At.AddMinutes(15)),
                ]),
            ],
            new Cause($"test:{times[0].Id}"),
            TestContext.Current.CancellationToken);

        AnomalySubject Subject(Guid id) => new(id, _customer.ContractId, _customer.ServiceCode, target);
    }
}
