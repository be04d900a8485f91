using Platform.EventStore;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using CountermeasureMeasured = Platform.Contracts.Mitigation.V1.CountermeasureMeasured;

namespace Platform.Mitigation.Tests;

/// <summary>Effect by the traffic that ingestion tells of: a step that does not help is followed by the next, and what helped is said.</summary>
[Trait("Requirement", "R2")]
public sealed class EffectServiceTests(PostgresDatabase database, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly Customer _customer = Customer.New();
    private readonly Guid _anomaly = Customer.NewId();
    private ServiceHost _host = null!;
    private ToldTraffic _traffic = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await AMitigationService.Start(database, broker, network, ("Bgp:Speakers:0:FlowSpec", "true"));
        _traffic = await ToldTraffic.On(broker);
    }

    public async ValueTask DisposeAsync()
    {
        await _traffic.DisposeAsync();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task A_rule_that_leaves_the_attack_as_it_was_is_followed_by_the_blackhole_and_after_the_end_the_blackhole_goes_first()
    {
        const string target = "203.0.113.80/32";
        await using var measured = await _host.Listen<CountermeasureMeasured>();
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
        await network.RouterHasRule(target, "[source-port: ==123]");

        await TimePasses(
            target,
            bitsPerSecond: 79_000_000,
            async () => (await network.AtRouter(target)).Count == 1,
            "the next step");
        await network.RouterHolds(target, $"{target} via 192.0.2.1 [65535:666 65535:65281]");
        await network.RouterHasRule(target, "[source-port: ==123]"); // the narrower goes on standing
        var unchanged = await measured.Get(fact => fact.AnomalyId == _anomaly);
        Assert.Equal(("unchanged", 80_000_000), (unchanged.Verdict, unchanged.BeforeBitsPerSecond));
        Assert.InRange(unchanged.DuringBitsPerSecond!.Value, 40_000_000, 80_000_000);
        var step = (await Stream()).OfType<StepTaken>().Single();
        Assert.Equal(2, step.Step);
        Assert.StartsWith("FlowSpecDiscard did not help within ", step.Why, StringComparison.Ordinal);
        Assert.Contains("Nothing changed: ", step.Why, StringComparison.Ordinal);
        Assert.StartsWith("Nothing changed: ", unchanged.Words, StringComparison.Ordinal);

        await TimePasses(target, 0, () => measured.Facts.Any(fact => fact.Verdict == "helped"), "the effect of the blackhole");
        await Deliver(_customer.Relieved(target, _anomaly));
        await TimePasses(target, 0, async () => (await network.AtRouter(target)).Count == 0, "one step back");
        Assert.Contains(await ANetwork.Rules(network.Router), rule => rule.Contains(target, StringComparison.Ordinal));
        await TimePasses(
            target, 0, async () => !(await ANetwork.Rules(network.Router)).Any(rule => rule.Contains(target, StringComparison.Ordinal)), "the end");
        await TimePasses(target, 0, async () => (await Stream()).OfType<EffectMeasured>().Count(it => it.IsFinal) == 2, "two last words");

        Assert.All(
            (await Stream()).OfType<EffectMeasured>().Where(it => it.IsFinal), it => Assert.Equal(("helped", 0L), (it.Effect.Verdict, it.Effect.AfterBitsPerSecond)));
        Assert.All((await Stream()).OfType<CountermeasureWithdrawn>(), it => Assert.Equal(WithdrawalReason.AnomalyEnded, it.Reason));
    }

    [Fact]
    public async Task What_no_speaker_holds_any_more_is_told_and_that_it_helps_again_when_one_is_back()
    {
        const string target = "203.0.113.79/32";
        await using var measured = await _host.Listen<CountermeasureMeasured>();
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
        await network.RouterHasRule(target, "[source-port: ==123]");
        await TimePasses(target, 0, () => Told().Any(fact => fact.Verdict == "helped"), "its effect");

        await network.Speaker.Kill();
        await Eventually.True(SpeakerIsAway, TimeSpan.FromSeconds(30), "the loss in the view"); // which takes a moment of its own, and no patience of a step
        await TimePasses(target, 79_000_000, () => Told()[^1].Words == "Not in force: no speaker holds it any more. It goes in again as soon as one can.", "the loss");
        Assert.Equal("unmeasured", Told()[^1].Verdict);
        await network.Speaker.Start();
        await network.Session();
        await network.RouterHasRule(target, "[source-port: ==123]");
        await TimePasses(target, 0, () => Told()[^1].Verdict == "helped", "its effect again");
        Assert.DoesNotContain(await Stream(), it => it is StepTaken); // whatever came next would be lost with it

        List<CountermeasureMeasured> Told() => [.. measured.Facts.Where(fact => fact.AnomalyId == _anomaly)];
    }

    [Fact]
    public async Task A_rule_that_helps_is_left_alone_and_its_effect_told()
    {
        const string target = "203.0.113.81/32";
        await using var measured = await _host.Listen<CountermeasureMeasured>();
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
        await network.RouterHasRule(target);
        var whole = _customer.Grown(target, _anomaly, 1, "ntp") with { ChangedAt = _host.Clock.GetUtcNow() }; // the second that it was recognised in, when it was over
        await Deliver(whole with { Vectors = [whole.Vectors[0] with { BitsPerSecond = 120_000_000, PacketsPerSecond = 30_000 }] });
        await _host.CatchUp();

        var seconds = 0;
        await TimePasses(target, 2_000_000, () => ++seconds > 25 && measured.Facts.Any(fact => fact.AnomalyId == _anomaly), "a measurement");

        var helped = measured.Facts.First(fact => fact.AnomalyId == _anomaly);
        Assert.Equal(("helped", 120_000_000), (helped.Verdict, helped.BeforeBitsPerSecond));
        Assert.Matches("^[0-9.]+ of 120 Mbit/s still arrive", helped.Words);
        Assert.Empty((await Stream()).OfType<StepTaken>());
        Assert.Empty(await network.AtRouter(target));
    }

    [Fact]
    public async Task Where_flows_do_not_show_what_is_dropped_no_step_follows_and_the_last_word_is_unmeasured()
    {
        await Again(("Effects:FlowsShowDrops", "false"));
        const string target = "203.0.113.82/32";
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
        await network.RouterHasRule(target);
        var seconds = 0;
        await TimePasses(target, 80_000_000, () => ++seconds > 25, "25 seconds");
        await Deliver(_customer.Relieved(target, _anomaly));

        await TimePasses(target, 0, async () => (await Stream()).OfType<EffectMeasured>().Any(it => it.IsFinal), "the last word");

        Assert.All((await Stream()).OfType<EffectMeasured>(), it => Assert.Equal("unmeasured", it.Effect.Verdict));
        Assert.Contains("flows here do not show", (await Stream()).OfType<EffectMeasured>().First().Effect.Words, StringComparison.Ordinal);
        Assert.Empty((await Stream()).OfType<StepTaken>());
    }

    [Fact]
    public async Task An_attack_that_goes_on_keeps_its_defence_past_the_expiry_and_one_that_nobody_tells_of_any_more_does_not()
    {
        await Again(("Effects:FlowsShowDrops", "false"), ("Mitigations:MaximumDuration", "00:01:00"));
        const string target = "203.0.113.84/32";
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
        await network.RouterHasRule(target);
        var expiry = (await Stream()).OfType<MitigationStarted>().Single().ExpiresAt;

        await TimePasses(target, 80_000_000, () => _host.Clock.GetUtcNow() > expiry.AddSeconds(5), "the first expiry");
        await network.RouterHasRule(target);
        var renewed = (await Stream()).OfType<MitigationExtended>().Single();
        Assert.True(renewed.ByRule);
        Assert.Equal("The attack goes on: 80 Mbit/s are seen of it.", renewed.Note);

        await TimePasses(
            _ => Task.CompletedTask,
            async () => (await Stream()).OfType<WithdrawalRequested>().Any(it => it.Reason is WithdrawalReason.Expired),
            "the end of what nobody says goes on");
        await network.RouterHasNoRule(target);
    }

    [Fact]
    public async Task An_ingestion_that_hears_nothing_makes_no_verdict_and_no_step_and_its_beats_are_enough_to_tell_quiet_from_silence()
    {
        const string target = "203.0.113.83/32";
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
        await network.RouterHasRule(target);

        await TimePasses(_ => Task.CompletedTask, async () => (await Stream()).OfType<EffectMeasured>().Any(), "a word on the silence");
        Assert.Equal(["unmeasured"], (await Stream()).OfType<EffectMeasured>().Select(it => it.Effect.Verdict));

        // Flows of others are heard, none of this target: now nothing means nothing.
        await TimePasses(_traffic.Beat, async () => (await Stream()).OfType<EffectMeasured>().Any(it => it.Effect.Verdict == "helped"), "quiet");
        Assert.Empty((await Stream()).OfType<StepTaken>());
    }

    [Fact]
    public async Task A_rule_that_the_speaker_answers_for_and_never_takes_is_followed_by_the_next_step_after_a_bounded_time()
    {
        await Again(("Effects:TakenWithin", "00:00:05"));
        const string target = "203.0.113.85/32";
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await network.Speaker.Gobgp("global", "policy", "import", "set", "default", "reject");
        try
        {
            await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
            await TimePasses(target, 80_000_000, async () => (await Stream()).OfType<StepTaken>().Any(), "the next step");
        }
        finally
        {
            await network.Speaker.Gobgp("global", "policy", "import", "set", "default", "accept");
        }

        Assert.Equal("not-seen", (await Stream()).OfType<EffectMeasured>().First().Effect.Verdict);
        Assert.Contains("Not seen: no speaker has it in force", (await Stream()).OfType<StepTaken>().First().Why, StringComparison.Ordinal);
        await network.RouterHolds(target, $"{target} via 192.0.2.1 [65535:666 65535:65281]");
    }

    [Fact]
    public async Task While_no_speaker_answers_the_step_waits_for_one_and_says_so()
    {
        await Again(("Effects:TakenWithin", "00:00:05"));
        const string target = "203.0.113.86/32";
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await network.Speaker.Kill();
        try
        {
            await Eventually.True(
                async () => (await Scalar("select count(*) from views.speakers_v1 where away_since is not null")) is 1L, what: "a speaker that is away");
            await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
            var seconds = 0;
            await TimePasses(target, 80_000_000, async () => ++seconds > 30 && (await Stream()).OfType<EffectMeasured>().Any(), "a word on the waiting");
        }
        finally
        {
            await network.Speaker.Start();
            await network.Session();
        }

        var said = (await Stream()).OfType<EffectMeasured>().First().Effect;
        Assert.Equal(("unmeasured", "Not in force: no speaker with a session answers. It waits for one."), (said.Verdict, said.Words));
        Assert.Empty((await Stream()).OfType<StepTaken>());
        await network.RouterHasRule(target);
        await Eventually.True(async () => (await Stream()).OfType<CountermeasureAnnounced>().Any(), what: "the record of it");
        await _host.CatchUp();
        await TimePasses(target, 0, async () => (await Stream()).OfType<EffectMeasured>().Any(it => it.Effect.Verdict == "helped"), "its effect");
        Assert.Empty((await Stream()).OfType<StepTaken>());
    }

    [Fact]
    public async Task The_patience_of_a_step_begins_when_it_is_in_force_and_not_when_it_was_asked_for_while_no_speaker_was_there()
    {
        await Again(("Mitigations:Patience", "00:00:30"));
        const string target = "203.0.113.76/32";
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await network.Speaker.Kill();
        var seconds = 0;
        try
        {
            await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
            await TimePasses(target, 80_000_000, () => ++seconds > 60, "a minute");
        }
        finally
        {
            await network.Speaker.Start();
            await network.Session();
        }

        await network.RouterHasRule(target);
        await TimePasses(target, 80_000_000, async () => (await Stream()).OfType<StepTaken>().Any(), "the next step");
        var announced = (await Stream()).OfType<CountermeasureAnnounced>().First().AnnouncedAt;
        Assert.InRange((await Stream()).OfType<StepTaken>().Single().TakenAt - announced, TimeSpan.FromSeconds(30), TimeSpan.MaxValue);
    }

    [Fact]
    public async Task A_rule_that_waits_for_a_dead_speaker_does_not_keep_another_speaker_from_the_next_step()
    {
        await using var second = new GoBgpServer(new() { Asn = 64514, RouterId = "192.0.2.9" });
        await second.Start();
        await Again(("Effects:TakenWithin", "00:00:05"), ("Bgp:Speakers:1:Name", "second"), ("Bgp:Speakers:1:Address", second.Api.ToString()));
        const string target = "203.0.113.88/32";
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await network.Speaker.Kill();
        try
        {
            await Eventually.True(
                async () => await Scalar("select count(*) from views.speakers_v1 where (name = 'edge') = (away_since is not null)") is 2L,
                what: "one speaker that is away and one that is there");
            await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
            await TimePasses(target, 80_000_000, async () => (await second.Routes()).Any(route => route.Prefix == target), "the blackhole at the other");
        }
        finally
        {
            await network.Speaker.Start();
            await network.Session();
        }

        Assert.Equal("not-seen", (await Stream()).OfType<EffectMeasured>().First().Effect.Verdict);
        Assert.Contains("Not seen: no speaker has it in force", (await Stream()).OfType<StepTaken>().Single().Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task That_nobody_takes_a_rule_is_not_concluded_from_views_that_stand_still_while_its_stream_says_that_it_is_in_force()
    {
        await Again(("Effects:TakenWithin", "00:00:05"));
        const string target = "203.0.113.89/32";
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await network.Speaker.Gobgp("global", "policy", "import", "set", "default", "reject");
        await using var still = await database.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        try
        {
            await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
            await _host.CatchUp();
            await using var hold = still.CreateCommand();
            hold.CommandText = "begin; select from platform.checkpoints where name = 'known_mitigations_v1' for update"; // as long as this holds, it comes no further
            await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
        finally
        {
            await network.Speaker.Gobgp("global", "policy", "import", "set", "default", "accept");
        }

        await network.RouterHasRule(target);
        await Eventually.True(async () => (await Stream()).OfType<CountermeasureAnnounced>().Any(), what: "the record of it");
        var seconds = 0;
        await TimePasses(target, 80_000_000, () => ++seconds > 30, "30 seconds");

        await using var release = still.CreateCommand();
        release.CommandText = "rollback";
        await release.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        Assert.Empty((await Stream()).OfType<EffectMeasured>());
        Assert.Empty((await Stream()).OfType<StepTaken>());
    }

    [Fact]
    public async Task That_nobody_sees_the_attack_any_more_is_no_end_of_it_and_it_ends_when_telemetry_is_back_and_quiet()
    {
        await Again(("Effects:QuietFor", "00:00:10"));
        const string target = "203.0.113.87/32";
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.AttackedBy(target, _anomaly, "ntp"));
        await network.RouterHasRule(target);
        await Deliver(_customer.Relieved(target, _anomaly) with { Reason = "telemetry-missing" });
        await _host.CatchUp();

        await Pass(_ => Task.CompletedTask, 45); // past every hold
        await Pass(at => _traffic.Ntp(_customer, target, at, 80_000_000), 30); // it is back, and so is the attack
        Assert.Empty((await Stream()).OfType<WithdrawalRequested>());
        await network.RouterHasRule(target);

        await TimePasses(target, 0, async () => (await Stream()).OfType<WithdrawalRequested>().Any(), "the end");
        Assert.Equal(WithdrawalReason.AnomalyEnded, (await Stream()).OfType<WithdrawalRequested>().Single().Reason);
        await network.RouterHasNoRule(target);

        async Task Pass(Func<DateTimeOffset, Task> tell, int howLong)
        {
            var seconds = 0;
            await TimePasses(tell, () => Task.FromResult(++seconds > howLong), $"{howLong} seconds");
        }
    }

    private async Task Again(params (string Name, string Value)[] settings)
    {
        await _host.DisposeAsync();
        _host = await AMitigationService.Start(database, broker, network, [("Bgp:Speakers:0:FlowSpec", "true"), .. settings]);
    }

    private async Task<object?> Scalar(string sql)
    {
        await using var command = database.DataSource.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>Second by second, each with what ingestion would tell of it, until something is seen.</summary>
    private async Task<bool> SpeakerIsAway()
    {
        await using var asked = database.DataSource.CreateCommand("select exists (select from views.speakers_v1 where away_since is not null)");
        return (bool)(await asked.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }

    private Task TimePasses(string target, long bitsPerSecond, Func<Task<bool>> until, string what) =>
        TimePasses(at => _traffic.Ntp(_customer, target, at, bitsPerSecond), until, what);

    private async Task TimePasses(Func<DateTimeOffset, Task> tell, Func<Task<bool>> until, string what) => await Eventually.True(
        async () =>
        {
            await tell(_host.Clock.GetUtcNow());
            _host.Clock.Advance(TimeSpan.FromSeconds(1));
            return await until();
        },
        TimeSpan.FromSeconds(60),
        what);

    private Task TimePasses(string target, long bitsPerSecond, Func<bool> until, string what) =>
        TimePasses(target, bitsPerSecond, () => Task.FromResult(until()), what);

    private async Task<IReadOnlyList<MitigationEvent>> Stream() =>
    [
        .. (await _host.Store.Tenant(TenantId.Of(_customer.TenantId)).Read(
            MitigationState.Stream, DerivedId.OfMitigation(_anomaly).ToString(), CancellationToken.None)).Select(it => (MitigationEvent)it.Data),
    ];

    private Task Deliver<T>(T fact)
        where T : class => _host.Deliver(fact, Customer.NewId());
}
