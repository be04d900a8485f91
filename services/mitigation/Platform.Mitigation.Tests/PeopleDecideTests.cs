using Grpc.Core;
using Platform.Contracts.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using MitigationState = Platform.Mitigation.Mitigations.MitigationState;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>What waits for a person says so and gets what the person saw; what a person begins against an attack is told in its incident.</summary>
public sealed class PeopleDecideTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network) : ADefendedCustomer(postgres, broker, network)
{
    private readonly Guid _anomaly = Tests.Customer.NewId();

    [Fact]
    public async Task Somebody_is_told_what_waits_and_an_approval_is_of_what_was_seen()
    {
        const string target = "203.0.113.190/32";
        await using var started = await Host.Listen<MitigationStarted>();
        await using var proposed = await Host.Listen<CountermeasureProposed>();
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await SetPolicy("after-approval", "198.51.100.0/24");
        await Deliver(Customer.AttackedBy(target, _anomaly, "ntp"));

        Assert.Equal(("after-approval", false), ((await started.Get(fact => fact.AnomalyId == _anomaly)).Mode, started.Facts[0].ByHand));
        var seen = await proposed.Get(fact => fact.AnomalyId == _anomaly);
        Assert.Equal(("flowspec", $"to {target} udp source-port 123 discard"), (seen.Kind, seen.Route));

        await Deliver(Customer.Grown(target, _anomaly, 1, "ntp", "ssdp"));
        var joined = await proposed.Get(fact => fact.AnomalyId == _anomaly && fact.CountermeasureId != seen.CountermeasureId);
        await Refused("countermeasure-not-found", seen.MitigationId, _anomaly);
        await Approve(seen.MitigationId, seen.CountermeasureId);

        await Network.RouterHasRule(target, "[source-port: ==123]", "discard");
        await Network.RouterHasRule(target, "[source: 198.51.100.0/24]");
        await Host.CatchUp();
        var waiting = (await Mitigations()).Single();
        Assert.Equal("proposed", waiting.Status); // who looks for what waits finds it
        Assert.Equal(
            [joined.CountermeasureId.ToString()], waiting.Countermeasures.Where(it => it.Status == "proposed").Select(it => it.CountermeasureId));
        Assert.DoesNotContain(await ANetwork.Rules(Network.Router), rule => rule.Contains("==1900", StringComparison.Ordinal));

        await Refused("nothing-proposed", seen.MitigationId, seen.CountermeasureId);
        await Approve(joined.MitigationId, joined.CountermeasureId);
        await Network.RouterHasRule(target, "[source-port: ==1900]");
        Assert.Equal(2, proposed.Facts.Count); // what only lets through asks nobody
    }

    [Fact]
    public async Task What_a_person_adds_stands_at_once_and_what_a_person_declines_waits_for_nobody_any_more()
    {
        const string target = "203.0.113.192/32";
        await using var proposed = await Host.Listen<CountermeasureProposed>();
        await using var withdrawn = await Host.Listen<CountermeasureWithdrawn>();
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await SetPolicy("after-approval", "198.51.100.0/24");
        await Deliver(Customer.AttackedBy(target, _anomaly, "ntp"));
        var seen = await proposed.Get(fact => fact.AnomalyId == _anomaly);

        var added = await Client.AddCountermeasuresAsync(
            new() { MitigationId = seen.MitigationId.ToString(), Reason = "narrower", Countermeasures = { Rule(target, sourcePort: 1900) } }, As(Roles.Operator));
        Assert.False(added.Rehearsed);
        await Network.RouterHasRule(target, "[source-port: ==1900]");
        await Network.RouterHasRule(target, "[source: 198.51.100.0/24]");
        await Client.StopCountermeasureAsync(
            new() { MitigationId = seen.MitigationId.ToString(), CountermeasureId = seen.CountermeasureId.ToString(), Reason = "our clocks need it" },
            As(Roles.Operator));

        Assert.Equal("operator", (await withdrawn.Get(fact => fact.CountermeasureId == seen.CountermeasureId)).Reason);
        await Refused("nothing-proposed", seen.MitigationId);
        await Host.CatchUp();
        var standing = await Eventually.Get(async () => (await Mitigations()).Single(), it => it.Status == "active", what: "what was added, alone");
        Assert.Equal("withdrawn", standing.Countermeasures.Single(it => it.CountermeasureId == seen.CountermeasureId.ToString()).Status);
        Assert.DoesNotContain(await ANetwork.Rules(Network.Router), rule => rule.Contains("==123]", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_defence_that_a_person_extended_stands_when_the_attack_is_over_until_that_end()
    {
        const string target = "203.0.113.193/32";
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await SetPolicy("automatic");
        await Deliver(Customer.AttackedBy(target, _anomaly, "ntp"));
        await Network.RouterHasRule(target, "[source-port: ==123]");
        await Deliver(Customer.Relieved(target, _anomaly));
        var id = (await Eventually.Get(async () => (await Mitigations()).Single(), it => it.Status == "holding", what: "the hold")).MitigationId;
        await Client.ExtendMitigationAsync(new() { MitigationId = id, DurationSeconds = 600, Reason = "they come back" }, As(Roles.Operator));
        await Host.CatchUp();

        for (var minute = 0; minute < 9; minute++)
        {
            Host.Clock.Advance(TimeSpan.FromMinutes(1));
            await Host.CatchUp();
        }

        Assert.Equal("holding", (await Mitigations()).Single().Status);
        await Network.RouterHasRule(target, "[source-port: ==123]");
        Host.Clock.Advance(TimeSpan.FromMinutes(2));
        await Network.RouterHasNoRule(target);
    }

    [Fact, Trait("Requirement", "R3")]
    public async Task A_defence_by_hand_against_an_attack_that_was_refused_is_told_in_its_incident_and_after_the_end_it_is_not()
    {
        const string target = "203.0.113.191/32";
        await using var failed = await Host.Listen<MitigationFailed>();
        await using var started = await Host.Listen<MitigationStarted>();
        await using var announced = await Host.Listen<CountermeasureAnnounced>();
        await using var measured = await Host.Listen<CountermeasureMeasured>();
        await using var withdrawn = await Host.Listen<CountermeasureWithdrawn>();
        await using var ended = await Host.Listen<MitigationEnded>();
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await SetPolicy("automatic");
        await Deliver(Customer.AttackedBy(target, _anomaly, "total")); // no filter tells it apart
        Assert.Equal("no-step-fits", (await failed.Get(fact => fact.AnomalyId == _anomaly)).Code);
        await Host.CatchUp();

        var id = Guid.Parse((await ByHand(Blackhole(target))).MitigationId);

        var begun = await started.Get(fact => fact.AnomalyId == _anomaly);
        Assert.Equal((id, true, target), (begun.MitigationId, begun.ByHand, begun.Target));
        Assert.Equal((id, "blackhole"), ((await announced.Get(fact => fact.AnomalyId == _anomaly)).MitigationId, announced.Facts[0].Kind));
        await Deliver(Customer.Relieved(target, _anomaly));
        await Client.WithdrawMitigationAsync(new() { MitigationId = id.ToString(), Reason = "over" }, As(Roles.Operator));
        Assert.Equal("operator", (await withdrawn.Get(fact => fact.AnomalyId == _anomaly)).Reason);
        var result = await ended.Get(fact => fact.AnomalyId == _anomaly);
        Assert.Equal((id, true, "defended"), (result.MitigationId, result.ByHand, result.Result));
        await Passes(() => Task.FromResult(measured.Facts.Any(fact => fact.AnomalyId == _anomaly && fact.MitigationId == id)), "what it did");

        await Host.CatchUp();
        var later = await ByHand(Blackhole(target));
        var stream = await Host.Store.Tenant(TenantId.Of(Customer.TenantId))
            .Read(MitigationState.Stream, later.MitigationId, TestContext.Current.CancellationToken);
        Assert.Null(stream.Select(it => it.Data).OfType<Mitigation.Mitigations.MitigationStarted>().Single().Against);
    }

    private static Wire.CountermeasureSpec Blackhole(string target) => new() { Kind = "blackhole", Prefix = target };

    private async Task Approve(Guid mitigation, params Guid[] seen) => await Client.ApproveMitigationAsync(
        new() { MitigationId = mitigation.ToString(), Reason = "looks right", CountermeasureIds = { seen.Select(id => id.ToString()) } }, As(Roles.Operator));

    private async Task Refused(string code, Guid mitigation, params Guid[] seen) => Assert.Equal(
        code, (await Assert.ThrowsAsync<RpcException>(() => Approve(mitigation, seen))).Trailers.GetValue(Rejections.CodeTrailer));
}
