using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Tests.Windows;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using ObjectsClient = Platform.Contracts.Grpc.Detection.V1.ProtectedObjects.ProtectedObjectsClient;
using MarkedFloor = Platform.Detection.ProtectedObjects.MarkedFloor;
using Threshold = Platform.Detection.ProtectedObjects.Threshold;

namespace Platform.Detection.Tests.Learning;

/// <summary>A floor of 25,000 packets/s of UDP out of a job at noon of Tuesday, 2030-01-01, on the calendar of UTC; 10,000 packets/s of TCP are usual.</summary>
[Trait("Requirement", "R5")]
public sealed class FloorUseTests
{
    private static readonly HoursOfWeek Calendar = HoursOfWeek.Find("Etc/UTC")!;
    private static readonly DateTimeOffset Now = AJudge.Noon + MarkedFloor.EndsAfter;

    private static readonly MarkedFloor Mark = new(
        Guid.Empty, System.Net.IPNetwork.Parse("203.0.113.1/32"), AJudge.Noon, AJudge.Noon.AddMinutes(15), AJudge.Noon, [new(TrafficVector.Udp, null, 25_000)]);

    private static readonly WatchedObject Watched = AJudge.Watched with
    {
        Thresholds = [], Settings = new ObjectSettings(100_000_000, ThresholdProfiles.Generic, LearningSettings.Default with { Zone = "Etc/UTC" }),
    };

    [Fact]
    public void What_nothing_came_near_for_four_weeks_is_not_needed() => Assert.Equal(FloorUse.Unused, Use(_ => 12_000));

    [Theory]
    [InlineData(0)]
    [InlineData(13)]
    [InlineData(27)]
    public void What_came_once_in_four_weeks_is_needed(int day) => Assert.Equal(FloorUse.Needed, Use(at => at.Day == day && at is { Hour: 12, Minute: 3 } ? 12_600 : 0));

    [Fact]
    public void What_came_at_other_hours_says_nothing() => Assert.Equal(FloorUse.Unused, Use(at => at.Hour is 10 or 14 ? 50_000 : 0));

    [Fact]
    public void What_belongs_to_an_anomaly_says_nothing() => Assert.Equal(FloorUse.Unused, Use(at => at.Hour == 12 ? 50_000 : 0, isAnomalous: true));

    [Fact]
    public void What_was_not_looked_at_may_be_needed() => Assert.Equal(FloorUse.Needed, Use(_ => 0, days: 20));

    [Fact]
    public void What_learning_allows_by_itself_by_now_is_not_needed()
    {
        Assert.Equal(FloorUse.Needed, Use(at => at.Hour == 12 ? 20_000 : 0));
        Assert.Equal(FloorUse.Learned, Use(at => at.Hour == 12 ? 20_000 : 0, learned: 20_000));
        Assert.Equal(FloorUse.Needed, Use(at => at.Hour == 12 ? 20_000 : 0, learned: 20_000, set: new(TrafficVector.Udp, null, 15_000, IsOwn: true))); // it would be over that
        Assert.Equal(FloorUse.Needed, Use(at => at.Hour == 12 ? 20_000 : 0, learned: 20_000, set: new(TrafficVector.Udp, null, 15_000, Level: WatchLevel.Object, IsOwn: true)));
    }

    /// <param name="udp">Of the highest second of a minute: day, hour and minute.</param>
    /// <param name="learned">UDP that came at noon before, every day.</param>
    private static FloorUse Use(Func<(int Day, int Hour, int Minute), long> udp, bool isAnomalous = false, int days = 28, long learned = 0, Threshold? set = null)
    {
        var baseline = new ObjectBaseline(Calendar);
        for (var second = AJudge.Second(-21 * 86_400); second < AJudge.Second(); second += 10)
        {
            var had = Had(second / 3600 % 24 == 12 ? learned : 0);
            baseline.Observe(second, had, had, had);
        }

        return FloorUses.Of(Mark, set is null ? Watched : Watched with { Thresholds = [set] }, baseline, [.. Minutes(udp, isAnomalous, days)], Now);
    }

    internal static IEnumerable<HistoryChunk> Minutes(Func<(int Day, int Hour, int Minute), long> udp, bool isAnomalous = false, int days = 28)
    {
        var from = (Now - MarkedFloor.EndsAfter).ToUnixTimeSeconds() / 60;
        for (var hour = 0; hour < days * 24; hour++)
        {
            var chunk = new HistoryChunk(from + (hour * 60));
            for (var minute = chunk.FirstMinute; minute < chunk.FirstMinute + 60; minute++)
            {
                var had = Had(udp((hour / 24, (hour + 12) % 24, (int)(minute - chunk.FirstMinute))));
                Array.ForEach(Enum.GetValues<WatchLevel>(), level => chunk.Observe(minute, level, had));
                chunk.Mark(minute, isAnomalous);
            }

            yield return chunk;
        }
    }

    private static SecondTraffic Had(long udp) => SecondTraffic.Of(
        new Amount((10_000 + udp) * 800, 10_000 + udp),
        (TrafficVector.TcpAck, new Amount(10_000 * 800, 10_000)),
        (TrafficVector.Udp, new Amount(udp * 800, udp)));
}

/// <summary>The same from the service: nobody does anything.</summary>
public sealed class FloorKeeperTests(PostgresDatabase database, RabbitMqVirtualHost broker) : ServiceTests(database, broker)
{
    [Fact, Trait("Requirement", "R5")]
    public async Task A_floor_that_nothing_needs_for_four_weeks_is_taken_back_and_the_history_says_who_and_why()
    {
        await Watch("203.0.113.0/24");
        var now = Host.Clock.GetUtcNow();
        MarkedFloor mark = new(Customer.NewId(), System.Net.IPNetwork.Parse("203.0.113.10/32"), now, now.AddMinutes(15), now, [new(TrafficVector.Udp, null, 250_000)]);
        var session = Host.Store.Tenant(TenantId.Of(_customer.TenantId));
        await session.Handle(
            ProtectedObjectState.Stream,
            _customer.ContractId.ToString(),
            state => ProtectedObjectDecider.Decide(state, new RaiseThresholds(_customer.ContractId, mark, null, "operator-7", "a job", now)),
            new Cause($"test:{Customer.NewId()}"),
            TestContext.Current.CancellationToken);
        var (client, viewer) = (new ObjectsClient(Host.Channel), Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer));
        await Host.CatchUp();
        var floor = Assert.Single(Assert.Single(await Objects()).MarkedFloors);
        Assert.Equal((20, 23, "Asia/Tokyo", "203.0.113.10/32"), (floor.Bounds.FromHour, floor.Bounds.UntilHour, floor.Bounds.Zone, floor.Bounds.Target));
        var directory = Host.Services.GetRequiredService<ObjectDirectory>();
        await Eventually.True(() => directory.Find(_customer.ContractId)?.Settings?.Marked?.Count > 0, what: "the floor in the engine");

        await Was(FloorUseTests.Minutes(_ => 0));
        await Look(after: TimeSpan.FromDays(27));
        Assert.Equal(2, (await Versions()).Count);
        await Was(FloorUseTests.Minutes(at => at is { Day: 3, Hour: 12 } ? 200_000 : 0));
        await Look(after: TimeSpan.FromDays(28));
        Assert.Equal(2, (await Versions()).Count);
        await Was(FloorUseTests.Minutes(_ => 0));
        await Look(after: TimeSpan.FromDays(28));
        await Look(after: TimeSpan.FromDays(28)); // another process

        var ended = (await Versions())[0];
        Assert.Equal((3, "unneeded", "platform"), (ended.Version, ended.Kind, ended.ChangedBy));
        Assert.Equal("for 28 days nothing came within half of it at its hours; it was marked for an anomaly of 2030-01-01", ended.Reason);
        Assert.Equal(("floor/host/in/udp/packets/20-23/203.0.113.10/32", "250000", ""), ended.Differences.Select(one => (one.What, one.Before, one.After)).Single());
        await Host.CatchUp();
        Assert.Empty(Assert.Single(await Objects()).MarkedFloors);

        async Task<IReadOnlyList<ObjectVersion>> Versions() =>
            (await client.ListVersionsAsync(new() { ObjectId = _customer.ContractId.ToString() }, viewer)).Versions;

        async Task Was(IEnumerable<HistoryChunk> minutes)
        {
            await using var command = Host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand(
                """
                insert into views.traffic_history_v1 (tenant_id, object_id, service_code, started_at, content)
                select $1, $2, $3, started_at, content from unnest($4, $5) chunk (started_at, content)
                on conflict (object_id, started_at) do update set content = excluded.content
                """);
            var chunks = minutes.ToArray();
            command.Parameters.Add(new() { Value = _customer.TenantId });
            command.Parameters.Add(new() { Value = _customer.ContractId });
            command.Parameters.Add(new() { Value = _customer.ServiceCode });
            command.Parameters.Add(new() { Value = chunks.Select(chunk => DateTimeOffset.FromUnixTimeSeconds(chunk.FirstMinute * 60)).ToArray() });
            command.Parameters.Add(new() { Value = chunks.Select(chunk => chunk.Write()).ToArray() });
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        async Task Look(TimeSpan after) => await new FloorKeeper(
            Host.Store,
            directory,
            Host.Services.GetRequiredService<BaselineKeeper>(),
            Host.Services.GetRequiredService<TrafficHistories>(),
            new ManualTimeProvider(now + after),
            NullLogger<FloorKeeper>.Instance).Look(TestContext.Current.CancellationToken);
    }
}
