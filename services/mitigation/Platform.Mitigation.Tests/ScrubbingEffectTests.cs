using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Effects;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using CountermeasureMeasured = Platform.Contracts.Mitigation.V1.CountermeasureMeasured;
using MitigationEnded = Platform.Contracts.Mitigation.V1.MitigationEnded;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>Scrubbing that does nothing: nobody filters, or nothing comes past. It is said in words, and the next step follows.</summary>
[Trait("Requirement", "R2")]
public sealed class ScrubbingEffectTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres); // for each test: agents heard of in another would be waited for
    private readonly Customer _customer = Customer.New();
    private readonly Guid _anomaly = Customer.NewId();
    private ServiceHost _host = null!;
    private ToldTraffic _traffic = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        _host = await Start();
        _traffic = await ToldTraffic.On(broker);
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Sync();
    }

    public async ValueTask DisposeAsync()
    {
        await _traffic.DisposeAsync();
        await _host.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_filter_through_which_nothing_passes_while_the_attack_goes_on_is_not_seen_and_the_next_step_follows()
    {
        const string target = "203.0.113.90/32";
        await using var measured = await _host.Listen<CountermeasureMeasured>();
        var filter = await Attacked(target);
        await Passes(target, 79_000_000, [new AppliedFilter { FilterId = filter }], () => network.AtRouter(target), IsBlackholed, "the blackhole");

        var said = await measured.Get(fact => fact.Verdict == "not-seen");
        Assert.Equal((_anomaly, 80_000_000), (said.AnomalyId, said.BeforeBitsPerSecond));
        Assert.Matches("^Not seen: [0-9.]+ Mbit/s of the attack arrive, and only 0 Mbit/s come past the scrubbers.$", said.Words);
        Assert.Contains("Not seen: ", (await Stream()).OfType<StepTaken>().Single().Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_filter_that_no_agent_ever_takes_is_not_seen_without_any_telemetry_and_the_next_step_follows()
    {
        const string target = "203.0.113.91/32";
        await Attacked(target);
        await Passes(target, null, [], () => network.AtRouter(target), IsBlackholed, "the blackhole");

        var said = (await Stream()).OfType<EffectMeasured>().First(it => it.Effect.Verdict == "not-seen");
        Assert.Matches("^Not seen: no scrubber has it in force, [0-9]+ s after it was asked for.$", said.Effect.Words);
    }

    [Fact]
    public async Task A_filter_that_helped_and_whose_agent_died_helps_no_more_and_the_next_step_follows()
    {
        const string target = "203.0.113.92/32";
        var filter = await Attacked(target);
        var dropped = 0L;
        await Passes(
            target,
            79_000_000,
            () => [new AppliedFilter { FilterId = filter, DroppedBytes = dropped += 10_000_000, DroppedPackets = 1 }],
            Stream,
            seen => seen.OfType<EffectMeasured>().Any(it => it.Effect.Verdict == "helped"),
            "its effect");
        Assert.Empty((await Stream()).OfType<StepTaken>());

        await Passes(target, 79_000_000, () => null, () => network.AtRouter(target), IsBlackholed, "the blackhole");
        Assert.Contains((await Stream()).OfType<EffectMeasured>(), it => it.Effect.Words == "Not seen: no scrubber was heard for 10 s.");
        Assert.True((await Stream()).OfType<StepTaken>().Single().TakenAt - (await Stream()).OfType<MitigationStarted>().Single().StartedAt >= TimeSpan.FromSeconds(10));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)] // it begins while the speaker is away
    public async Task A_speaker_that_is_gone_takes_the_diversion_with_it_and_no_step_follows_from_what_its_filters_do_not_see(bool hadHelped)
    {
        var target = hadHelped ? "203.0.113.97/32" : "203.0.113.98/32";
        var (filter, dropped) = ("", 0L);
        if (hadHelped)
        {
            filter = await Attacked(target);
            await PassesFiltered(10_000_000, async () => await Last() == "helped", "its effect");
        }

        await network.Speaker.Kill();
        try
        {
            await Eventually.True(SpeakerIsAway, TimeSpan.FromSeconds(30), "the loss in the view"); // which takes a moment of its own, and no patience of a step
            if (!hadHelped)
            {
                await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
                filter = (await Eventually.Get(async () => (await Sync()).Filters, seen => seen.Count == 1, what: "a filter for the scrubber"))[0].FilterId;
            }

            var seconds = 0;
            await PassesFiltered(0, () => Task.FromResult(++seconds >= 60), "a minute");
        }
        finally
        {
            await network.Speaker.Start();
            await network.Session();
        }

        await network.RouterHolds(target, $"{target} via 192.0.2.50 [65535:65281]");
        await PassesFiltered(10_000_000, async () => await Last() == "helped", "its effect");
        Assert.Empty((await Stream()).OfType<StepTaken>());
        Assert.DoesNotContain((await Stream()).OfType<EffectMeasured>(), it => it.CountermeasureId == Guid.Parse(filter) && it.Effect.Verdict == "not-seen");

        async Task<string?> Last() => (await Stream()).OfType<EffectMeasured>().LastOrDefault(it => it.CountermeasureId == Guid.Parse(filter))?.Effect.Verdict;

        Task PassesFiltered(long bytesPerSecond, Func<Task<bool>> until, string what) => Passes(
            target,
            79_000_000,
            () => [new AppliedFilter { FilterId = filter, DroppedBytes = dropped += bytesPerSecond, DroppedPackets = 1 }],
            until,
            it => it,
            what);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)] // flows tell what is sent: all the more is known of it
    public async Task An_attack_that_stopped_is_no_reason_for_a_wider_step_however_much_honest_traffic_passes(bool flowsShowDrops)
    {
        const string target = "203.0.113.96/32";
        await _host.DisposeAsync();
        _host = await Start(("Effects:FlowsShowDrops", flowsShowDrops ? "true" : "false"));
        await Sync();
        var filter = await Attacked(target);
        var (dropped, passed) = (0L, 0L);
        await Eventually.True(
            async () =>
            {
                await Pass(80_000_000);
                return await Verdict() == "helped";
            },
            TimeSpan.FromSeconds(30),
            "its effect");
        var traffic = _host.Services.GetRequiredService<TargetTraffic>();
        for (var second = 0; second < 60; second++)
        {
            var at = _host.Clock.GetUtcNow();
            await Pass(second < 15 ? 80_000_000 : 0); // its anomaly is open still
            await Eventually.True(() => traffic.IsHeard(at.AddSeconds(1), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)), what: "what was told");
        }

        Assert.Equal("helped", await Verdict());
        Assert.Empty((await Stream()).OfType<StepTaken>());

        async Task<string?> Verdict() =>
            (await Stream()).OfType<EffectMeasured>().LastOrDefault(it => it.CountermeasureId == Guid.Parse(filter))?.Effect.Verdict;

        async Task Pass(long bits)
        {
            await _traffic.Ntp(_customer, target, _host.Clock.GetUtcNow(), flowsShowDrops ? 0 : bits, other: 50_000_000);
            await Sync(new AppliedFilter
            {
                FilterId = filter, DroppedBytes = dropped += bits / 8, DroppedPackets = 1, PassedBytes = passed += 50_000_000 / 8, PassedPackets = 1,
            });
            await _host.PassesASecond();
        }
    }

    [Fact, Trait("Requirement", "R3")]
    public async Task An_attack_that_went_down_while_nothing_of_it_was_dropped_is_said_to_have_gone_down_and_nobody_is_told_that_it_was_defended()
    {
        const string target = "203.0.113.97/32";
        await using var ended = await _host.Listen<MitigationEnded>();
        var filter = await Attacked(target);
        var passed = 0L;
        await Passes(target, 6_000_000, Held, Said, said => said?.Words?.StartsWith("Not measured: nothing of the attack is dropped here, and it went down without that. ", StringComparison.Ordinal) == true, "a word on it");
        var said = (await Said())!;
        Assert.Equal("unmeasured", said.Verdict);
        Assert.InRange(said.DuringBitsPerSecond!.Value, 2_000_000, 8_000_000);
        Assert.Equal(0, said.DroppedBytes);
        Assert.Empty((await Stream()).OfType<StepTaken>());

        await Deliver(_customer.Relieved(target, _anomaly));
        await Passes(target, 0, Held, Stream, seen => seen.OfType<WithdrawalRequested>().Any(), "the end of the hold");
        await Passes(target, 0, [], () => Task.FromResult(ended.Facts), seen => seen.Any(it => it.AnomalyId == _anomaly), "the end");
        Assert.Equal("not-helped", ended.Facts.Single(it => it.AnomalyId == _anomaly).Result);

        async Task<MeasuredEffect?> Said() => (await Stream()).OfType<EffectMeasured>().LastOrDefault(it => it.CountermeasureId == Guid.Parse(filter))?.Effect;

        AppliedFilter[] Held() => [new AppliedFilter { FilterId = filter, PassedBytes = passed += 6_000_000 / 8, PassedPackets = 1 }];
    }

    [Fact]
    [Trait("Requirement", "R8")]
    public async Task An_attack_that_goes_on_at_less_than_half_past_a_filter_that_drops_nothing_of_it_has_the_next_step()
    {
        const string target = "203.0.113.98/32";
        await Policy("scrubbing", "blackhole");
        var filter = await Attacked(target);
        var passed = 0L;
        await Passes(target, 30_000_000, Held, () => network.AtRouter(target), IsBlackholed, "the blackhole");
        Assert.Contains((await Stream()).OfType<EffectMeasured>(), it => it.Effect.Verdict == "unchanged" && it.CountermeasureId == Guid.Parse(filter));

        AppliedFilter[] Held() => [new AppliedFilter { FilterId = filter, PassedBytes = passed += 30_000_000 / 8, PassedPackets = 1 }];
    }

    [Fact]
    public async Task A_diversion_is_counted_where_it_leads_and_one_that_leads_nowhere_is_not_seen()
    {
        const string target = "203.0.113.93/32";
        await Policy("diversion", "blackhole");
        await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
        await network.RouterHolds(target, $"{target} via 192.0.2.50 [65535:65281]");
        Assert.Empty((await Sync()).Filters); // to an agent of an older release
        var counted = Assert.Single((await Sync(counts: true)).Filters);
        Assert.Equal(("count", target), (counted.Rule.Action, counted.Destination));

        await Passes(target, 79_000_000, [new AppliedFilter { FilterId = counted.FilterId }], () => network.AtRouter(target), IsBlackholed, "the blackhole");
        Assert.Contains((await Stream()).OfType<EffectMeasured>(), it => it.Effect.Verdict == "not-seen");
    }

    [Fact]
    public async Task What_is_done_by_hand_is_measured_against_the_anomaly_of_its_target_and_says_when_there_is_none()
    {
        const string target = "203.0.113.94/32";
        await Policy("diversion");
        await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
        await network.RouterHolds(target, $"{target} via 192.0.2.50 [65535:65281]");
        await _host.CatchUp();
        var near = await ByHand(target);
        var far = await ByHand("203.0.113.95/32");
        await network.RouterHolds("203.0.113.95/32", "203.0.113.95/32 via 192.0.2.1 [65535:666 65535:65281]");

        await Passes(target, 0, [], Effects, seen => seen.Count == 2, "both effects");
        var effects = await Effects();
        Assert.Equal(("helped", 80_000_000, "0 of 80 Mbit/s still arrive, beside 0 Mbit/s of other traffic."), (effects[near].Verdict, effects[near].BeforeBitsPerSecond, effects[near].Words));
        Assert.Equal(("unmeasured", "Not measured: no anomaly says what arrived before."), (effects[far].Verdict, effects[far].Words));

        async Task<Dictionary<string, Effect>> Effects()
        {
            var listed = await Mitigations.ListMitigationsAsync(new(), Operator);
            return listed.Mitigations.Where(it => it.MitigationId == near || it.MitigationId == far)
                .Where(it => it.Countermeasures[0].Effect is not null).ToDictionary(it => it.MitigationId, it => it.Countermeasures[0].Effect);
        }

        async Task<string> ByHand(string prefix) => (await Mitigations.StartMitigationAsync(
            new() { ServiceCode = _customer.ServiceCode, Reason = "test", Countermeasures = { new Wire.CountermeasureSpec { Kind = "blackhole", Prefix = prefix } } },
            Operator)).MitigationId;
    }

    private async Task<bool> SpeakerIsAway()
    {
        await using var asked = _database.DataSource.CreateCommand("select exists (select from views.speakers_v1 where away_since is not null)");
        return (bool)(await asked.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }

    private Task<ServiceHost> Start(params (string Name, string Value)[] settings) => AMitigationService.Start(
        _database,
        broker,
        network,
        [
            ("Bgp:Speakers:0:DiversionNextHopIPv4", "192.0.2.50"),
            ("Scrubbers:Agents:0:Name", "tokyo"),
            ("Scrubbers:Agents:0:Token", "0123456789abcdef"),
            .. settings,
        ]);

    private static bool IsBlackholed(IReadOnlyList<string> held) => held is [{ } route] && route.Contains("65535:666", StringComparison.Ordinal);

    private Wire.Mitigations.MitigationsClient Mitigations => new(_host.Channel);

    private Metadata Operator => _host.As(TenantId.Of(_customer.TenantId), Roles.Administrator);

    private async Task Policy(params string[] steps)
    {
        await Mitigations.SetDefensePolicyAsync(
            new()
            {
                ServiceCode = _customer.ServiceCode,
                ObjectId = _customer.ContractId.ToString(),
                Reason = "test",
                Policy = new Wire.DefensePolicy { Mode = "automatic", Steps = { steps.Select(step => new Wire.DefenseStep { Kind = step, PatienceSeconds = 5 }) } },
            },
            Operator);
        await _host.CatchUp();
    }

    /// <returns>Id of the filter that the agent shall hold.</returns>
    private async Task<string> Attacked(string target)
    {
        await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
        await network.RouterHolds(target, $"{target} via 192.0.2.50 [65535:65281]");
        return (await Eventually.Get(async () => (await Sync()).Filters, seen => seen.Count == 1, what: "a filter for the scrubber"))[0].FilterId;
    }

    private Task Passes<T>(string target, long? arrives, AppliedFilter[] applied, Func<Task<T>> look, Func<T, bool> until, string what) =>
        Passes(target, arrives, () => applied, look, until, what);

    /// <summary>Second by second, with what flows and agent (null: it is dead) tell.</summary>
    private Task Passes<T>(string target, long? arrives, Func<AppliedFilter[]?> applied, Func<Task<T>> look, Func<T, bool> until, string what) => Eventually.True(
        async () =>
        {
            if (arrives is { } bits)
            {
                await _traffic.Ntp(_customer, target, _host.Clock.GetUtcNow(), bits);
            }

            if (applied() is { } held)
            {
                await Sync(held);
            }

            _host.Clock.Advance(TimeSpan.FromSeconds(1));
            return until(await look());
        },
        TimeSpan.FromSeconds(60),
        what);

    private Task<SyncFiltersResponse> Sync(params AppliedFilter[] applied) => Sync(counts: false, applied);

    private async Task<SyncFiltersResponse> Sync(bool counts, params AppliedFilter[] applied) =>
        await new Wire.Scrubbers.ScrubbersClient(_host.Channel).SyncFiltersAsync(
            new SyncFiltersRequest { Applied = { applied }, Counts = counts }, new Metadata { { "x-platform-scrubber", "tokyo:0123456789abcdef" } });

    private async Task<IReadOnlyList<MitigationEvent>> Stream() =>
    [
        .. (await _host.Store.Tenant(TenantId.Of(_customer.TenantId)).Read(
            MitigationState.Stream, DerivedId.OfMitigation(_anomaly).ToString(), CancellationToken.None)).Select(it => (MitigationEvent)it.Data),
    ];

    private Task Deliver<T>(T fact)
        where T : class => _host.Deliver(fact, Customer.NewId());
}
