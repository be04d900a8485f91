using Grpc.Core;
using Microsoft.Extensions.Options;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Scrubbers;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using CountermeasureAnnounced = Platform.Contracts.Mitigation.V1.CountermeasureAnnounced;
using CountermeasureMeasured = Platform.Contracts.Mitigation.V1.CountermeasureMeasured;
using MitigationEnded = Platform.Contracts.Mitigation.V1.MitigationEnded;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>What agents on scrubbers are told, and what becomes of what they tell.</summary>
public sealed class ScrubberServiceTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres); // for each test: agents heard of in another would be waited for
    private readonly Customer _customer = Customer.New();
    private readonly Guid _anomaly = Customer.NewId();
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        _host = await Start();
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task Agents_of_a_pool_that_traffic_is_spread_over_share_a_limit_as_many_as_are_there()
    {
        await _host.DisposeAsync();
        _host = await Start(
            ("Scrubbers:Pools:0:Name", "east"),
            ("Scrubbers:Pools:0:BitsPerSecond", "9000000000"),
            ("Scrubbers:Pools:0:Spreads", "true"),
            ("Scrubbers:Agents:0:Pool", "east"),
            ("Scrubbers:Agents:1:Pool", "east"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Sync("abroad");
        await Sync("tokyo");
        await Deliver(_customer.AttackedBy("203.0.113.69/32", _anomaly, "dns"));
        Assert.Equal([(false, 500_000L), (true, 125_000L)], await Limits());
        _host.Clock.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal([(false, 1_000_000L), (true, 125_000L)], await Limits());

        async Task<IEnumerable<(bool PerSource, long BytesPerSecond)>> Limits() =>
            (await Eventually.Get(() => Told("tokyo", "203.0.113.69/32"), seen => seen.Count == 2, what: "limits"))
            .Select(it => (it.Rule.PerSource, it.Rule.BytesPerSecond)).Order();
    }

    [Fact, Trait("Requirement", "R6")]
    public async Task An_attack_is_diverted_and_filtered_counted_and_in_the_end_gone_from_router_and_scrubber()
    {
        await using var announced = await _host.Listen<CountermeasureAnnounced>();
        await using var measured = await _host.Listen<CountermeasureMeasured>();
        await using var ended = await _host.Listen<MitigationEnded>();
        await Deliver(_customer.Signed("203.0.113.0/24"));
        Assert.Empty(await Told("tokyo", "203.0.113.60/32")); // it is heard: from now on scrubbing is a means

        await Deliver(_customer.AttackedBy("203.0.113.60/32", _anomaly, "ntp"));
        await network.RouterHolds("203.0.113.60/32", "203.0.113.60/32 via 192.0.2.50 [65535:65281]");
        var filter = (await Eventually.Get(() => Told("tokyo", "203.0.113.60/32"), seen => seen.Count == 1, what: "a filter for the scrubber"))[0];
        Assert.Equal(("203.0.113.60/32", "discard", 17u, 123u), (filter.Destination, filter.Rule.Action, filter.Rule.Protocol, filter.Rule.SourcePort.From));
        Assert.DoesNotContain(announced.Facts, fact => fact.Kind == "scrubbing"); // told is not in force

        var applied = new AppliedFilter { FilterId = filter.FilterId };
        await Sync("tokyo", applied);
        var active = await announced.Get(fact => fact.Kind == "scrubbing");
        Assert.Equal(("tokyo", "to 203.0.113.60/32 udp source-port 123 discard"), (active.Speaker, active.Route));
        await Passes(
            () =>
            {
                applied.DroppedPackets += 2000;
                applied.DroppedBytes += 856_000;
                applied.PassedPackets += 70;
                applied.PassedBytes += 4000;
                return Task.FromResult(measured.Facts.Any(fact => fact.DroppedPackets > 0));
            },
            applied,
            "its effect");
        var effect = measured.Facts.First(fact => fact.DroppedPackets > 0);
        Assert.Equal((_anomaly, "helped", effect.DroppedPackets / 2000 * 70, 80_000_000), (effect.AnomalyId, effect.Verdict, effect.PassedPackets, effect.BeforeBitsPerSecond));
        Assert.Equal("Most of what comes past the scrubbers is dropped.", effect.Words);

        await Deliver(_customer.Relieved("203.0.113.60/32", _anomaly));
        await _host.CatchUp();
        _host.Clock.Advance(TimeSpan.FromSeconds(31));
        await network.RouterHolds("203.0.113.60/32");
        await Eventually.Get(() => Told("tokyo", "203.0.113.60/32", applied), seen => seen.Count == 0, what: "the end of the filter");
        Assert.DoesNotContain(ended.Facts, fact => fact.AnomalyId == _anomaly); // as long as the scrubber holds it, nothing has ended
        var seen = await Eventually.Get(EndedAfterSync, facts => facts.Count > 0, what: "the end of the mitigation");
        Assert.Equal("defended", seen.Single().Result);

        // An agent syncs each second.
        async Task<List<MitigationEnded>> EndedAfterSync()
        {
            await Sync("tokyo");
            return [.. ended.Facts.Where(fact => fact.AnomalyId == _anomaly)];
        }
    }

    [Fact]
    public async Task What_an_agent_that_just_started_still_has_in_its_kernel_is_not_gone()
    {
        await using var ended = await _host.Listen<MitigationEnded>();
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Told("tokyo", "203.0.113.75/32");
        await Deliver(_customer.AttackedBy("203.0.113.75/32", _anomaly, "ntp"));
        var filter = (await Eventually.Get(() => Told("tokyo", "203.0.113.75/32"), seen => seen.Count == 1, what: "a filter for the scrubber"))[0];
        await Sync("tokyo", new AppliedFilter { FilterId = filter.FilterId });
        await Deliver(_customer.Relieved("203.0.113.75/32", _anomaly));
        await _host.CatchUp();
        _host.Clock.Advance(TimeSpan.FromSeconds(31));
        await network.RouterHolds("203.0.113.75/32");
        await _host.CatchUp();

        // It has read names only: which they are it does not know.
        var started = new SyncFiltersRequest { Present = { Guid.Parse(filter.FilterId).ToString("N")[..16] } };
        for (var look = 0; look < 3; look++)
        {
            await new Wire.Scrubbers.ScrubbersClient(_host.Channel).SyncFiltersAsync(
                started, new Metadata { { "x-platform-scrubber", "tokyo:0123456789abcdef" } });
            await _host.CatchUp();
        }

        Assert.DoesNotContain(ended.Facts, fact => fact.AnomalyId == _anomaly);
        await Eventually.True(
            async () =>
            {
                await Sync("tokyo");
                return ended.Facts.Any(fact => fact.AnomalyId == _anomaly);
            },
            what: "the end");
    }

    [Fact, Trait("Requirement", "R2")]
    public async Task Just_started_an_attack_that_scrubbers_would_answer_waits_until_they_had_the_time_to_be_heard_and_no_longer()
    {
        var other = Customer.New();
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(other.Signed("198.51.100.0/24"));
        await new Wire.Mitigations.MitigationsClient(_host.Channel).SetDefensePolicyAsync(
            new()
            {
                ServiceCode = other.ServiceCode,
                ObjectId = other.ContractId.ToString(),
                Reason = "test",
                Policy = new() { Mode = "automatic", Steps = { new Wire.DefenseStep { Kind = "blackhole", PatienceSeconds = 10 } } },
            },
            _host.As(TenantId.Of(other.TenantId), Roles.Administrator));
        await Sync("tokyo");
        await _host.CatchUp();
        await StartAfterAMinute();
        var waiting = Deliver(_customer.AttackedBy("203.0.113.79/32", _anomaly, "ntp"));
        await Deliver(other.AttackedBy("198.51.100.79/32", Customer.NewId(), "ntp")); // no scrubbers are among its steps: it waits for none
        Assert.Empty(await Stream());

        await Sync("tokyo");
        await waiting;
        Assert.Equal([CountermeasureKind.Diversion, CountermeasureKind.Scrubbing], (await Stream()).OfType<CountermeasureRequested>().Select(it => it.Kind));
        Assert.IsType<MitigationStarted>((await Stream())[0]);

        await Deliver(_customer.Relieved("203.0.113.79/32", _anomaly));
        await StartAfterAMinute();
        waiting = Deliver(_customer.AttackedBy("203.0.113.80/32", Customer.NewId(), "ntp"));
        await Eventually.True(
            () =>
            {
                _host.Clock.Advance(TimeSpan.FromMilliseconds(500));
                return waiting.IsCompleted;
            },
            what: "the end of the wait");
        await network.RouterHolds("203.0.113.80/32", "203.0.113.80/32 via 192.0.2.1 [65535:666 65535:65281]");

        async Task StartAfterAMinute()
        {
            await _host.DisposeAsync();
            await using var away = _database.DataSource.CreateCommand("update views.scrubbers_v1 set heard_at = now() - interval '1 minute'");
            await away.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
            _host = await Start();
        }
    }

    [Fact, Trait("Requirement", "R11")]
    public async Task To_an_agent_abroad_go_addresses_numbers_and_an_expiry_and_after_the_end_nothing()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Sync("abroad");
        await Deliver(_customer.AttackedBy("203.0.113.61/32", _anomaly, "memcached"));
        var filter = (await Eventually.Get(() => Told("abroad", "203.0.113.61/32"), seen => seen.Count == 1, what: "a filter for the scrubber"))[0];

        Assert.True(filter.ExpiresInSeconds is > 0 and <= 86_400);
        var text = filter.ToString();
        foreach (var name in (string[])[_customer.TenantId.ToString(), _customer.ServiceCode, _customer.ContractId.ToString(), _anomaly.ToString()])
        {
            Assert.DoesNotContain(name, text, StringComparison.OrdinalIgnoreCase);
        }

        Assert.Equal(
            ["destination", "expires_in_seconds", "filter_id", "rule"], Filter.Descriptor.Fields.InDeclarationOrder().Select(field => field.Name).Order());
        await Deliver(_customer.Terminated());
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        await Eventually.Get(() => Told("abroad", "203.0.113.61/32"), seen => seen.Count == 0, what: "the end of the filter");
    }

    [Fact]
    public async Task Scrubbers_that_stay_away_end_no_mitigation_later_than_their_lease()
    {
        await using var ended = await _host.Listen<MitigationEnded>();
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Sync("tokyo");
        await Deliver(_customer.AttackedBy("203.0.113.62/32", _anomaly, "ntp"));
        await Eventually.Get(() => Told("tokyo", "203.0.113.62/32"), seen => seen.Count == 1, what: "a filter for the scrubber");
        await Deliver(_customer.Terminated());
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        await network.RouterHolds("203.0.113.62/32");

        Assert.DoesNotContain(ended.Facts, fact => fact.AnomalyId == _anomaly);
        await Eventually.True(() =>
        {
            _host.Clock.Advance(TimeSpan.FromMinutes(1));
            return ended.Facts.Any(fact => fact.AnomalyId == _anomaly);
        });
    }

    [Fact]
    public async Task An_agent_that_speaks_to_one_replica_is_there_for_another_whose_clock_is_an_hour_off()
    {
        var options = Options.Create(new ScrubberOptions { Agents = [new() { Name = "tokyo", Token = "0123456789abcdef" }] });
        foreach (var off in (TimeSpan[])[TimeSpan.FromHours(1), TimeSpan.FromHours(-1)])
        {
            var clock = new ManualTimeProvider(_host.Clock.GetUtcNow() + off);
            var other = new KnownScrubbers(_database.DataSource, options, clock);
            await Sync("tokyo");
            Assert.True((await other.Call(TestContext.Current.CancellationToken)).IsThere("tokyo"));
            Assert.Equal(["tokyo"], await other.HeardWithin(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));

            clock.Advance(TimeSpan.FromSeconds(31));
            Assert.False((await other.Call(TestContext.Current.CancellationToken)).IsThere("tokyo"));
            await Sync("tokyo");
            Assert.True((await other.Call(TestContext.Current.CancellationToken)).IsThere("tokyo"));
        }
    }

    [Fact]
    public async Task While_the_kill_switch_is_engaged_scrubbers_hold_nothing()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Sync("tokyo");
        await Deliver(_customer.AttackedBy("203.0.113.63/32", _anomaly, "ntp"));
        await Eventually.Get(() => Told("tokyo", "203.0.113.63/32"), seen => seen.Count == 1, what: "a filter for the scrubber");
        var mitigations = new Wire.Mitigations.MitigationsClient(_host.Channel);
        var provider = _host.As(TenantId.Provider, Roles.ProviderOperator);
        await mitigations.TurnKillSwitchAsync(new() { Engage = true, Reason = "test" }, provider);
        try
        {
            Assert.Empty((await Sync("tokyo")).Filters); // at its next word, which is half a second away: the switch is asked itself, no view
        }
        finally
        {
            await mitigations.TurnKillSwitchAsync(new() { Reason = "test" }, provider);
            await _host.CatchUp();
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("tokyo:wrong")]
    [InlineData("tokyo:fedcba9876543210")]
    [InlineData("nobody:0123456789abcdef")]
    [InlineData("tokyo")]
    public async Task Nobody_hears_what_is_filtered_without_the_agents_own_token(string? proof)
    {
        var client = new Wire.Scrubbers.ScrubbersClient(_host.Channel);
        var refusal = await Assert.ThrowsAsync<RpcException>(
            () => client.SyncFiltersAsync(new(), proof is null ? [] : new Metadata { { "x-platform-scrubber", proof } }).ResponseAsync);
        Assert.Contains(refusal.StatusCode, (StatusCode[])[StatusCode.Unauthenticated, StatusCode.PermissionDenied]);
    }

    private async Task<IReadOnlyList<object>> Stream() =>
    [
        .. (await _host.Store.Tenant(TenantId.Of(_customer.TenantId)).Read(
            MitigationState.Stream, DerivedId.OfMitigation(_anomaly).ToString(), TestContext.Current.CancellationToken)).Select(it => it.Data),
    ];

    /// <summary>Second by second, while the agent in Tokyo says what it holds.</summary>
    private Task Passes(Func<Task<bool>> until, AppliedFilter? applied, string what) => Eventually.True(
        async () =>
        {
            await Sync("tokyo", applied is null ? [] : [applied]);
            await _host.PassesASecond();
            return await until();
        },
        TimeSpan.FromSeconds(60),
        what);

    private Task<ServiceHost> Start(params (string Name, string Value)[] settings) => AMitigationService.Start(
        _database,
        broker,
        network,
        [
            ("Bgp:Speakers:0:DiversionNextHopIPv4", "192.0.2.50"),
            ("Bgp:Speakers:0:DiversionCommunities:0", "65535:65281"),
            ("Scrubbers:Agents:0:Name", "tokyo"),
            ("Scrubbers:Agents:0:Token", "0123456789abcdef"),
            ("Scrubbers:Agents:1:Name", "abroad"),
            ("Scrubbers:Agents:1:Token", "fedcba9876543210"),
            ("Scrubbers:Agents:1:Location", "US"),
            .. settings,
        ]);

    /// <summary>What the agent hears about this destination.</summary>
    private async Task<IReadOnlyList<Filter>> Told(string agent, string destination, params AppliedFilter[] applied) =>
        [.. (await Sync(agent, applied)).Filters.Where(filter => filter.Destination == destination)];

    private async Task<SyncFiltersResponse> Sync(string agent, params AppliedFilter[] applied)
    {
        var token = agent == "tokyo" ? "0123456789abcdef" : "fedcba9876543210";
        return await new Wire.Scrubbers.ScrubbersClient(_host.Channel).SyncFiltersAsync(
            new SyncFiltersRequest { Applied = { applied } }, new Metadata { { "x-platform-scrubber", $"{agent}:{token}" } });
    }

    private Task Deliver<T>(T fact)
        where T : class => _host.Deliver(fact, Customer.NewId());
}
