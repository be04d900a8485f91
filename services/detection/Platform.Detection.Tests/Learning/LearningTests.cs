using NodaTime;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Tests.Learning;

/// <summary>What is learned of eight days of traffic with a day's rhythm: 1,000 packets/s at night, 9,000 in the evening.</summary>
public sealed class LearningTests
{
    private const int Step = 10; // every tenth second is enough to learn from
    private static readonly long Monday = new DateTimeOffset(2026, 6, 1, 0, 0, 0, TimeSpan.FromHours(9)).ToUnixTimeSeconds();
    private static readonly LearningSettings Settings = LearningSettings.Default;

    [Fact, Trait("Requirement", "R5")]
    public void After_eight_days_every_hour_of_the_week_is_known_within_a_quarter()
    {
        var baseline = Learn(new ObjectBaseline(HoursOfWeek.Japan), days: 8);

        Assert.Equal(LearningPhase.Ready, baseline.Progress(DateTimeOffset.FromUnixTimeSeconds(Monday + (8 * 86_400))).Phase);
        for (var hour = 0; hour < HoursOfWeek.Count; hour++)
        {
            var busiest = Enumerable.Range(-60, 180).Max(minute => Rate(Monday + (hour * 3600) + (minute * 60))); // its neighbours count
            Assert.InRange(Usual(baseline, hour), busiest * 0.75, busiest * 1.25);
        }
    }

    [Fact, Trait("Requirement", "R5")]
    public void An_attack_is_not_learned_and_a_step_is_in_part_each_week()
    {
        var calm = Learn(new ObjectBaseline(HoursOfWeek.Japan), days: 14);
        var attacked = Learn(new ObjectBaseline(HoursOfWeek.Japan), days: 14, more: second => second >= Monday + (9 * 86_400) && second < Monday + (9 * 86_400) + 7_200 ? 50_000 : 0, refuse: true);
        var grown = Learn(new ObjectBaseline(HoursOfWeek.Japan), days: 14, more: second => second >= Monday + (7 * 86_400) ? Rate(second) * 0.5 : 0);
        const int noon = (2 * 24) + 1;

        Assert.InRange(Usual(attacked, noon), Usual(calm, noon) * 0.9, Usual(calm, noon) * 1.1);
        Assert.InRange(Usual(grown, noon), Usual(calm, noon) * 1.35, Usual(calm, noon) * 1.6);
    }

    /// <summary>A tunnel from midnight to six makes these hours the busiest: of the others TCP is as large a part as ever.</summary>
    [Fact, Trait("Requirement", "R1")]
    public void What_comes_at_some_hours_of_each_night_is_no_part_of_an_ordinary_hour()
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = Monday; second < Monday + (8 * 86_400); second += Step)
        {
            var (tcp, udp, tunnel) = ((long)(0.95 * Rate(second)), (long)(0.05 * Rate(second)), (second - Monday) % 86_400 < 6 * 3_600 ? 12_000 : 0);
            var traffic = SecondTraffic.Of(
                new Amount((tcp + udp) * 6_400 + tunnel * 10_400, tcp + udp + tunnel),
                (TrafficVector.TcpAck, new Amount(tcp * 6_400, tcp)),
                (TrafficVector.Udp, new Amount(udp * 6_400 + tunnel * 10_400, udp + tunnel)));
            baseline.Observe(second, traffic, traffic, traffic);
        }

        var typical = baseline.Compile(WatchLevel.Object, hour: 36, Settings, grain: 1).Typical;

        Assert.Equal(0.95, (double)typical[TrafficVector.TcpAck].Packets / typical.Total.Packets, 0.01);
        Assert.Equal(6_400, (double)typical[TrafficVector.TcpAck].Bits / typical[TrafficVector.TcpAck].Packets, 100.0);
    }

    [Theory, Trait("Requirement", "R5")]
    [InlineData(2)]
    [InlineData(3)]
    public void After_a_week_at_twice_the_level_about_twice_as_much_is_usual_at_every_hour(int weeksBefore)
    {
        var step = Monday + (weeksBefore * 7 * 86_400);
        var calm = Learn(new ObjectBaseline(HoursOfWeek.Japan), days: (weeksBefore + 1) * 7);
        var doubled = Learn(new ObjectBaseline(HoursOfWeek.Japan), days: (weeksBefore + 1) * 7, more: second => second >= step ? Rate(second) : 0);
        var after = Learn(new ObjectBaseline(HoursOfWeek.Japan), days: (weeksBefore + 2) * 7, more: second => second >= step && second < step + (7 * 86_400) ? Rate(second) : 0);

        for (var hour = 0; hour < HoursOfWeek.Count; hour++)
        {
            Assert.InRange(Usual(doubled, hour) / Usual(calm, hour), 1.95, hour < 24 ? 2.7 : 2.3); // on the first day the trend was on its way
            Assert.InRange(Usual(after, hour) / Usual(calm, hour), 0.9, 1.15); // and back again
        }
    }

    [Fact, Trait("Requirement", "R5")]
    public void Slow_growth_is_followed()
    {
        const int weeks = 20;
        var grown = Learn(new ObjectBaseline(HoursOfWeek.Japan), weeks * 7, more: second => Rate(second) * (Math.Pow(1.06, (second - Monday) / (7 * 86_400.0)) - 1));
        var calm = Learn(new ObjectBaseline(HoursOfWeek.Japan), days: 7);
        for (var hour = 0; hour < HoursOfWeek.Count; hour++)
        {
            Assert.InRange(Usual(grown, hour) / Usual(calm, hour) / Math.Pow(1.06, weeks), 0.9, 1.1);
        }

        Assert.InRange(grown.Trend, 1.02, 1.5); // what was there for months is no trend
    }

    [Fact, Trait("Requirement", "R5")]
    public void One_odd_minute_of_the_first_day_says_nothing_about_what_is_never_an_anomaly_once_a_day_is_known()
    {
        var odd = Learn(new ObjectBaseline(HoursOfWeek.Japan), days: 2, more: second => second >= Monday + 7_200 && second < Monday + 7_260 ? 100_000 : 0);
        var floor = odd.Compile(WatchLevel.Host, 1, Settings, 1).Thresholds.First(threshold => threshold is { Vector: TrafficVector.Ntp, Unit: TrafficUnit.Packets }).Rate;

        Assert.InRange(floor, Settings.FloorShare * 4_000, Settings.FloorShare * 6_000); // half of that of the busiest hour: it never came
    }

    [Fact, Trait("Requirement", "R5")]
    public void An_hour_of_a_crowd_hardly_moves_what_is_never_an_anomaly_and_what_transfers_may_have_once_four_days_are_known()
    {
        const long noon = 86_400 + 43_200;
        var calm = Learn(new ObjectBaseline(HoursOfWeek.Japan), days: 6).Compile(WatchLevel.Host, 1, Settings, 1);
        var crowded = Learn(new ObjectBaseline(HoursOfWeek.Japan), days: 6, more: second => second >= Monday + noon && second < Monday + noon + 3_600 ? 5 * Rate(second) : 0)
            .Compile(WatchLevel.Host, 1, Settings, 1);

        Assert.InRange(crowded.MostLongTransfer / calm.MostLongTransfer, 1, 2.1); // twice the middle of the days, and not six times
        Assert.InRange(Ntp(crowded) / Ntp(calm), 1, 2.1);

        static double Ntp(LearnedLevel level) => level.Thresholds.First(threshold => threshold is { Vector: TrafficVector.Ntp, Unit: TrafficUnit.Packets }).Rate;
    }

    [Theory, Trait("Requirement", "R5")]
    [InlineData(1, 12, 6)] // the last hour is not over
    [InlineData(2, 6, 3)]
    [InlineData(6, 6, 2)]
    public void Transfers_may_have_the_more_of_the_busiest_hour_the_less_of_the_week_was_seen(int days, double once, double goingOn)
    {
        var learned = Learn(new ObjectBaseline(HoursOfWeek.Japan), days).Compile(WatchLevel.Host, 1, Settings, 1);
        const double busiest = 9_000 * 4_000;

        Assert.InRange(learned.MostTransfer / busiest, once * 0.9, once * 1.1);
        Assert.InRange(learned.MostLongTransfer / busiest, goingOn * 0.9, goingOn * 1.1);
    }

    [Theory, Trait("Requirement", "R5")]
    [InlineData(2, 1.8)]
    [InlineData(4, 1.3)] // two of them are working days
    public void An_hour_that_was_never_seen_is_doubted_less_when_the_same_hour_of_four_other_days_was(int days, double doubt)
    {
        var baseline = Learn(new ObjectBaseline(HoursOfWeek.Japan), days);
        var total = baseline.Compile(WatchLevel.Object, (days * 24) + 12, Settings, 1).Thresholds.First(threshold => threshold is { Vector: TrafficVector.Total, Unit: TrafficUnit.Packets });

        Assert.Equal(Settings.Margin * doubt, total.Rate / total.Usual, 3);
    }

    [Fact, Trait("Requirement", "R5")]
    public void A_minute_of_which_a_few_seconds_are_known_teaches_nothing()
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = Monday - 3; second < Monday + 1_800; second++)
        {
            var packets = second < Monday ? 100_000 : 1_000; // telemetry came back with a packet; that is why it is known
            var traffic = SecondTraffic.Of(new Amount(packets * 4_000L, packets));
            baseline.Observe(second, traffic, traffic, traffic);
        }

        Assert.Equal(1_000, Usual(baseline, hour: 0));
    }

    [Fact, Trait("Requirement", "R5")]
    public void A_snapshot_knows_what_it_was_taken_of()
    {
        var baseline = Learn(new ObjectBaseline(HoursOfWeek.Japan), days: 3);
        var restored = ObjectBaseline.Restore(baseline.Snapshot(), HoursOfWeek.Japan);
        for (var hour = 0; hour < HoursOfWeek.Count; hour++)
        {
            Assert.Equal(
                baseline.Compile(WatchLevel.Object, hour, Settings, 1).Thresholds, restored.Compile(WatchLevel.Object, hour, Settings, 1).Thresholds);
        }
    }

    [Fact, Trait("Requirement", "R5")]
    public void Every_vector_of_every_level_is_learned_by_itself_also_in_a_snapshot()
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        (TrafficVector Vector, Amount Amount)[] parts =
            [.. Enum.GetValues<TrafficVector>().Where(vector => vector is not TrafficVector.Total).Select(vector => (vector, new Amount((int)vector * 800_000L, (int)vector * 1_000L)))];
        var traffic = SecondTraffic.Of(new(800_000_000, 1_000_000), parts);
        for (var second = Monday; second < Monday + 3_600; second++)
        {
            baseline.Observe(second, traffic, traffic, traffic);
        }

        foreach (var learned in (ObjectBaseline[])[baseline, ObjectBaseline.Restore(baseline.Snapshot(), HoursOfWeek.Japan)])
        {
            Assert.All(Enum.GetValues<WatchLevel>(), level =>
            {
                var usual = learned.Compile(level, 0, Settings, 1).Thresholds.Where(one => one.Unit is TrafficUnit.Packets).ToLookup(one => one.Vector, one => one.Usual);
                Assert.All(parts, part => Assert.Equal(part.Amount.Packets, Assert.Single(usual[part.Vector]), part.Amount.Packets * 0.01));
            });
        }
    }

    [Fact, Trait("Requirement", "R5")]
    public void A_restart_in_the_middle_of_an_hour_loses_two_minutes_of_it_and_no_more()
    {
        var whole = Learn(new ObjectBaseline(HoursOfWeek.Japan), days: 1);
        var restarted = new ObjectBaseline(HoursOfWeek.Japan);
        for (var second = Monday; second < Monday + 86_400; second += Step)
        {
            var packets = (long)Rate(second);
            var traffic = SecondTraffic.Of(new Amount(packets * 4_000, packets));
            restarted.Observe(second, traffic, traffic, traffic);
            if ((second - Monday) % 3_600 == 3_500)
            {
                restarted = ObjectBaseline.Restore(restarted.Snapshot(), HoursOfWeek.Japan); // in every hour, with 98 % of it over
            }
        }

        for (var hour = 0; hour < 24; hour++)
        {
            Assert.InRange(Usual(restarted, hour), Usual(whole, hour) * 0.95, Usual(whole, hour) * 1.05);
        }
    }

    [Fact, Trait("Requirement", "R5")]
    public void Hours_of_another_calendar_are_not_taken_from_a_snapshot()
    {
        var baseline = Learn(new ObjectBaseline(HoursOfWeek.Japan), days: 1);
        Assert.Equal(0, ObjectBaseline.Restore(baseline.Snapshot(), HoursOfWeek.Find("Etc/UTC")!).LearnedMinutes);
        Assert.NotEqual(0, ObjectBaseline.Restore(baseline.Snapshot(), HoursOfWeek.Japan).LearnedMinutes);
    }

    [Fact, Trait("Requirement", "R7")]
    public void Minutes_that_could_not_be_saved_are_given_again()
    {
        var history = new TrafficHistory();
        for (var second = Monday; second < Monday + 7_300; second += Step)
        {
            history.Observe(second, default, default, default, isAnomalous: false, grain: 1);
        }

        var first = history.Unsaved(); // and the database was away
        Assert.Equal([Monday / 60, (Monday / 60) + 60, (Monday / 60) + 120], history.Unsaved().Select(chunk => chunk.FirstMinute));

        history.Saved(first);
        Assert.Equal([(Monday / 60) + 120], history.Unsaved().Select(chunk => chunk.FirstMinute));
    }

    [Fact, Trait("Requirement", "R5")]
    public void Without_a_past_nothing_is_allowed_or_forbidden() =>
        Assert.Empty(new ObjectBaseline(HoursOfWeek.Japan).Compile(WatchLevel.Host, 0, Settings, 1).Thresholds);

    [Theory]
    [InlineData(2026, 1, 1, true)]
    [InlineData(2026, 1, 12, true)] // second Monday
    [InlineData(2026, 3, 20, true)] // equinox
    [InlineData(2026, 5, 6, true)] // the 3rd is a Sunday, and the 4th and 5th are holidays themselves
    [InlineData(2026, 9, 22, true)] // between two holidays
    [InlineData(2026, 9, 24, false)]
    [InlineData(2026, 11, 3, true)]
    [InlineData(2027, 3, 22, true)] // the equinox is a Sunday
    [InlineData(2026, 6, 1, false)]
    public void Japanese_holidays_are_computed(int year, int month, int day, bool isHoliday) =>
        Assert.Equal(isHoliday, JapaneseHolidays.Is(new LocalDate(year, month, day)));

    [Fact]
    public void A_holiday_counts_as_a_Sunday_on_the_calendar_of_Japan()
    {
        var noon = new DateTimeOffset(2026, 11, 3, 12, 0, 0, TimeSpan.FromHours(9)).ToUnixTimeSeconds(); // a Tuesday
        Assert.Equal((6 * 24) + 12, HoursOfWeek.Japan.Of(noon));
        Assert.Equal((1 * 24) + 3, HoursOfWeek.Find("Etc/UTC")!.Of(noon));
        Assert.Null(HoursOfWeek.Find("Mars/Olympus"));
    }

    private static double Rate(long second) => 5_000 - (4_000 * Math.Cos(2 * Math.PI * ((second - Monday) % 86_400 / 86_400.0)));

    private static double Usual(ObjectBaseline baseline, int hour) => baseline.Compile(WatchLevel.Object, hour, Settings, 1).Thresholds
        .First(threshold => threshold is { Vector: TrafficVector.Total, Unit: TrafficUnit.Packets }).Usual;

    private static ObjectBaseline Learn(ObjectBaseline baseline, int days, Func<long, double>? more = null, bool refuse = false)
    {
        for (var second = Monday; second < Monday + (days * 86_400L); second += Step)
        {
            var beyond = more?.Invoke(second) ?? 0;
            var packets = (long)(Rate(second) + beyond);
            var traffic = SecondTraffic.Of(new Amount(packets * 4_000, packets));
            baseline.Observe(second, traffic, traffic, traffic);
            if (refuse && beyond > 0)
            {
                baseline.Refuse();
            }
        }

        return baseline;
    }
}
