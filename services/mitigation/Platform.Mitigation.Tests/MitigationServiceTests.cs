using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.Contracts.Mitigation.V1;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using Client = Platform.Contracts.Grpc.Mitigation.V1.Mitigations.MitigationsClient;
using CountermeasureSlots = Platform.Mitigation.Mitigations.CountermeasureSlots;
using SlotAnswer = Platform.Mitigation.Mitigations.SlotAnswer;

namespace Platform.Mitigation.Tests;

/// <summary>The whole service: facts in through the broker, routes at a real router, facts out.</summary>
public sealed class MitigationServiceTests(PostgresDatabase database, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private static readonly TimeSpan PastTheHold = TimeSpan.FromSeconds(31);
    private readonly Customer _customer = Customer.New();
    private readonly Guid _anomaly = Customer.NewId();
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await AMitigationService.Start(database, broker, network);

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Theory, Trait("Requirement", "R2")]
    [InlineData("203.0.113.0/24", "203.0.113.10/32", "192.0.2.1")]
    [InlineData("2001:db8:10::/48", "2001:db8:10::1/128", "100::1")]
    public async Task An_anomaly_becomes_a_blackhole_at_the_router_and_goes_after_end_and_hold(string prefix, string target, string nextHop)
    {
        await using var started = await _host.Listen<MitigationStarted>();
        await using var announced = await _host.Listen<CountermeasureAnnounced>();
        await using var withdrawn = await _host.Listen<CountermeasureWithdrawn>();
        await using var ended = await _host.Listen<MitigationEnded>();
        await Deliver(_customer.Signed(prefix));

        await Deliver(_customer.Attacked(target, _anomaly));

        await network.RouterHolds(target, $"{target} via {nextHop} [65535:666 65535:65281]");
        Assert.Equal(target, (await started.Get(fact => fact.AnomalyId == _anomaly)).Target);
        var countermeasure = await announced.Get(fact => fact.AnomalyId == _anomaly);
        Assert.Equal(("blackhole", $"{target} community 65535:666 65535:65281", "edge"), (countermeasure.Kind, countermeasure.Route, countermeasure.Speaker));

        await Deliver(_customer.Relieved(target, _anomaly));
        await _host.CatchUp();
        Assert.Single(await network.AtRouter(target)); // held: attacks come back

        _host.Clock.Advance(PastTheHold);

        await network.RouterHolds(target);
        Assert.Equal("anomaly-ended", (await withdrawn.Get(fact => fact.AnomalyId == _anomaly)).Reason);
        Assert.Equal("defended", (await ended.Get(fact => fact.AnomalyId == _anomaly)).Result);
    }

    [Fact]
    public async Task An_attack_that_comes_back_is_held_longer_the_second_time()
    {
        const string target = "203.0.113.19/32";
        await Deliver(_customer.Signed("203.0.113.0/24"));
        foreach (var anomaly in (Guid[])[_anomaly, Customer.NewId()])
        {
            await Deliver(_customer.Attacked(target, anomaly));
            await network.RouterHolds(target, $"{target} via 192.0.2.1 [65535:666 65535:65281]");
            await _host.CatchUp();
            await Deliver(_customer.Relieved(target, anomaly));
            await _host.CatchUp();
        }

        _host.Clock.Advance(PastTheHold);
        await Eventually.Get(Mitigations, seen => seen.Count(it => it.Status == "ended") == 1, what: "the end of the first");
        Assert.Single(await network.AtRouter(target));
        _host.Clock.Advance(PastTheHold);
        await network.RouterHolds(target);
    }

    [Fact]
    public async Task WhenAnomalyDetected_comes_twice_there_is_one_mitigation()
    {
        await using var started = await _host.Listen<MitigationStarted>();
        await Deliver(_customer.Signed("203.0.113.0/24"));
        var message = Customer.NewId();
        await _host.Deliver(_customer.Attacked("203.0.113.20/32", _anomaly), message);
        await _host.Deliver(_customer.Attacked("203.0.113.20/32", _anomaly), message);
        await Deliver(_customer.Attacked("203.0.113.20/32", _anomaly));

        await network.RouterHolds("203.0.113.20/32", "203.0.113.20/32 via 192.0.2.1 [65535:666 65535:65281]");
        await _host.CatchUp();
        Assert.Single(started.Facts);
    }

    [Fact]
    public async Task WhenAnomalyDetected_comes_before_the_contract_it_waits_for_it()
    {
        var waiting = Deliver(_customer.Attacked("203.0.113.21/32", _anomaly));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await waiting;
        await network.RouterHolds("203.0.113.21/32", "203.0.113.21/32 via 192.0.2.1 [65535:666 65535:65281]");
    }

    [Fact]
    public async Task WhenAnomalyEnded_comes_first_nothing_is_announced()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.Relieved("203.0.113.22/32", _anomaly));
        await Deliver(_customer.Relieved("203.0.113.22/32", _anomaly)); // and twice
        await Deliver(_customer.Attacked("203.0.113.22/32", _anomaly));
        await _host.CatchUp();

        Assert.Empty(await Mitigations());
        Assert.Empty(await network.AtSpeaker("203.0.113.22/32"));
    }

    [Fact]
    public async Task A_target_outside_the_contract_is_refused_in_public()
    {
        await using var failed = await _host.Listen<MitigationFailed>();
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.Attacked("198.51.100.9/32", _anomaly));

        Assert.Equal("target-outside-prefixes", (await failed.Get(fact => fact.AnomalyId == _anomaly)).Code);
        await _host.CatchUp();
        Assert.Equal("failed", Assert.Single(await Mitigations()).Status);
        Assert.Empty(await network.AtSpeaker("198.51.100.9/32"));
    }

    [Fact]
    public async Task WhenContractChanged_the_new_prefixes_count_whatever_comes_late_or_twice()
    {
        await using var failed = await _host.Listen<MitigationFailed>();
        await Deliver(_customer.Changed(version: 3, "203.0.113.128/25"));
        await Deliver(_customer.Changed(version: 3, "203.0.113.128/25"));
        await Deliver(_customer.Changed(version: 2, "203.0.113.0/25"));
        await Deliver(_customer.Signed("203.0.113.0/24")); // WhenContractSigned, in the wrong order
        await Deliver(_customer.Attacked("203.0.113.23/32", _anomaly));
        await Deliver(_customer.Attacked("203.0.113.129/32", Customer.NewId()));

        Assert.Equal("target-outside-prefixes", (await failed.Get(fact => fact.AnomalyId == _anomaly)).Code);
        await network.RouterHolds("203.0.113.129/32", "203.0.113.129/32 via 192.0.2.1 [65535:666 65535:65281]");
    }

    [Fact]
    public async Task WhenContractTerminated_what_stands_is_withdrawn_and_nothing_follows()
    {
        await using var withdrawn = await _host.Listen<CountermeasureWithdrawn>();
        await using var failed = await _host.Listen<MitigationFailed>();
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.Attacked("203.0.113.24/32", _anomaly));
        await network.RouterHolds("203.0.113.24/32", "203.0.113.24/32 via 192.0.2.1 [65535:666 65535:65281]");

        await Deliver(_customer.Terminated());
        await Deliver(_customer.Terminated());
        await Deliver(_customer.Changed(version: 8, "203.0.113.0/24"));
        _host.Clock.Advance(TimeSpan.FromSeconds(1));

        await network.RouterHolds("203.0.113.24/32");
        Assert.Equal("contract-ended", (await withdrawn.Get(fact => fact.AnomalyId == _anomaly)).Reason);
        var late = Customer.NewId();
        await Deliver(_customer.Attacked("203.0.113.24/32", late));
        Assert.Equal("contract-ended", (await failed.Get(fact => fact.AnomalyId == late)).Code);
    }

    [Fact]
    public async Task A_mitigation_that_nobody_ends_expires()
    {
        await using var withdrawn = await _host.Listen<CountermeasureWithdrawn>();
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.Attacked("203.0.113.25/32", _anomaly));
        await network.RouterHolds("203.0.113.25/32", "203.0.113.25/32 via 192.0.2.1 [65535:666 65535:65281]");
        await _host.CatchUp();

        _host.Clock.Advance(TimeSpan.FromDays(1));

        await network.RouterHolds("203.0.113.25/32");
        Assert.Equal("expired", (await withdrawn.Get(fact => fact.AnomalyId == _anomaly)).Reason);
    }

    [Fact]
    public async Task An_operator_withdraws_by_hand_and_nobody_from_elsewhere_does()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.Attacked("203.0.113.26/32", _anomaly));
        await network.RouterHolds("203.0.113.26/32", "203.0.113.26/32 via 192.0.2.1 [65535:666 65535:65281]");
        var listed = (await Eventually.Get(Mitigations, seen => seen.Any(it => it.Status == "active"), what: "an active mitigation")).Single();
        Assert.Equal("announced", Assert.Single(listed.Countermeasures).Status);
        var client = new Client(_host.Channel);
        var request = new WithdrawMitigationRequest { MitigationId = listed.MitigationId, Reason = "false alarm" };

        await Refused(StatusCode.NotFound, request, TenantId.Of(Customer.NewId()), Roles.Operator);
        await Refused(StatusCode.PermissionDenied, request, TenantId.Of(_customer.TenantId), Roles.Viewer);
        await Refused(StatusCode.InvalidArgument, new() { MitigationId = listed.MitigationId }, TenantId.Of(_customer.TenantId), Roles.Operator);
        Assert.Single(await network.AtRouter("203.0.113.26/32"));

        await client.WithdrawMitigationAsync(
            request,
            _host.As(TenantId.Of(_customer.TenantId), Roles.Operator),
            cancellationToken: TestContext.Current.CancellationToken);

        await network.RouterHolds("203.0.113.26/32");
        await Eventually.Get(Mitigations, seen => seen.Single().Status == "ended", what: "the end of the mitigation");
    }

    [Fact]
    public async Task A_speaker_that_was_killed_holds_the_routes_again_when_it_is_back()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.Attacked("203.0.113.27/32", _anomaly));
        await network.RouterHolds("203.0.113.27/32", "203.0.113.27/32 via 192.0.2.1 [65535:666 65535:65281]");

        await network.Speaker.Kill();
        await network.RouterHolds("203.0.113.27/32");
        await Deliver(_customer.Attacked("203.0.113.28/32", Customer.NewId())); // decided while the speaker is away: waits, fails nothing
        await network.Speaker.Start();
        await network.Session();

        await network.RouterHolds("203.0.113.27/32", "203.0.113.27/32 via 192.0.2.1 [65535:666 65535:65281]");
        await network.RouterHolds("203.0.113.28/32", "203.0.113.28/32 via 192.0.2.1 [65535:666 65535:65281]");
    }

    [Fact]
    public async Task A_service_that_stopped_goes_on_with_what_stands_and_with_what_came_meanwhile()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.Attacked("203.0.113.29/32", _anomaly));
        await network.RouterHolds("203.0.113.29/32", "203.0.113.29/32 via 192.0.2.1 [65535:666 65535:65281]");
        await Deliver(_customer.Relieved("203.0.113.29/32", _anomaly));

        await _host.Stop();
        Assert.Single(await network.AtRouter("203.0.113.29/32")); // who stops does not drop the shield
        _host.Clock.Advance(PastTheHold);
        await _host.Start();
        _host.Clock.Advance(TimeSpan.FromSeconds(1));

        await network.RouterHolds("203.0.113.29/32");
    }

    [Fact]
    public async Task Routes_that_are_not_ours_are_left_alone()
    {
        await network.Speaker.Gobgp("global", "rib", "add", "203.0.113.30/32", "nexthop", "192.0.2.99");
        await network.Speaker.Gobgp("global", "rib", "add", "198.51.100.0/24", "nexthop", "192.0.2.99");
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_customer.Attacked("203.0.113.30/32", _anomaly));
        await Eventually.Get(
            () => network.AtSpeaker("203.0.113.30/32"), seen => seen.Count == 2, what: "our route beside the one added by hand");

        await Deliver(_customer.Relieved("203.0.113.30/32", _anomaly));
        await _host.CatchUp();
        _host.Clock.Advance(PastTheHold);

        await network.RouterHolds("203.0.113.30/32", "203.0.113.30/32 via 192.0.2.99 []");
        await network.RouterHolds("198.51.100.0/24", "198.51.100.0/24 via 192.0.2.99 []");
    }

    [Fact]
    public async Task A_route_with_our_mark_that_no_stream_knows_is_withdrawn()
    {
        await network.Speaker.Gobgp(
            "global", "rib", "add", "203.0.113.31/32", "identifier", "1347174740", "nexthop", "192.0.2.1", "community", "65535:666");
        await network.RouterHolds("203.0.113.31/32");
        Assert.Empty(await network.AtSpeaker("203.0.113.31/32"));
    }

    [Fact]
    public async Task WhenErasureDue_the_mitigations_of_that_contract_are_gone_and_no_others()
    {
        await using var erased = await _host.Listen<DataErased>();
        var other = _customer with { ContractId = Customer.NewId(), ServiceCode = Customer.New().ServiceCode };
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(other.Signed("198.51.100.0/24"));
        await Deliver(_customer.Attacked("203.0.113.32/32", _anomaly));
        await Deliver(_customer.Attacked("198.51.100.1/32", Customer.NewId())); // refused, and a stream all the same
        await Deliver(_customer.Relieved("203.0.113.33/32", Customer.NewId())); // never began, and a stream all the same
        await Deliver(other.Attacked("198.51.100.2/32", Customer.NewId()));
        await Deliver(_customer.Terminated());
        await _host.CatchUp();
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        await Eventually.Get(Mitigations, seen => seen.Count(it => it.Status == "ended") == 1, what: "the end of the mitigation");

        var due = new ErasureDue
        {
            TenantId = _customer.TenantId,
            ContractId = _customer.ContractId,
            ServiceCode = _customer.ServiceCode,
            ErasureId = Customer.NewId(),
            DataClasses = ["incident", "customer"],
            DueAt = DateTimeOffset.UnixEpoch,
            RequestedAt = DateTimeOffset.UnixEpoch,
        };
        await Deliver(due);

        var proof = await erased.Get(fact => fact.ErasureId == due.ErasureId);
        Assert.Equal(("mitigation", 3), (proof.Owner, proof.Counts["mitigation"]));
        var left = Assert.Single(await Mitigations());
        Assert.Equal(other.ServiceCode, left.ServiceCode);

        await Deliver(due); // asked again: the same answer again
        var answers = await Eventually.Get(
            () => erased.Facts.Where(fact => fact.ErasureId == due.ErasureId).ToList(), seen => seen.Count == 2, what: "two answers");
        Assert.All(answers, answer => Assert.Equal(3, answer.Counts["mitigation"]));
    }

    [Fact]
    public async Task A_burst_of_anomalies_does_not_pass_the_cap_of_a_tenant()
    {
        await _host.DisposeAsync();
        _host = await AMitigationService.Start(database, broker, network, ("Mitigations:MaxCountermeasuresPerTenant", "2"));
        await using var failed = await _host.Listen<MitigationFailed>();
        await Deliver(_customer.Signed("203.0.113.0/24"));

        await Task.WhenAll(Enumerable.Range(40, 6).Select(host => Deliver(_customer.Attacked($"203.0.113.{host}/32", Customer.NewId()))));

        await _host.CatchUp();
        Assert.Equal(2, (await Mitigations()).Count(it => it.Status != "failed"));
        Assert.Equal(4, (await Mitigations()).Count(it => it.Status == "failed"));
        Assert.All(
            await Eventually.Get(() => failed.Facts, seen => seen.Count == 4, what: "four refusals"),
            fact => Assert.Equal("tenant-cap-reached", fact.Code));
    }

    [Fact, Trait("Requirement", "R2")]
    public async Task A_carpet_over_more_prefixes_than_there_is_room_for_is_defended_at_the_largest_and_the_others_are_said()
    {
        await _host.DisposeAsync();
        _host = await AMitigationService.Start(database, broker, network, ("Mitigations:MaxCountermeasuresPerTenant", "2"));
        await using var refused = await _host.Listen<MitigationStepRefused>();
        await using var failed = await _host.Listen<MitigationFailed>();
        await Deliver(_customer.Signed("203.0.113.0/24"));

        await Deliver(_customer.AttackedBy("203.0.113.10/32", Customer.NewId(), "ntp") with
        {
            Level = "object",
            Prefixes = [.. Enumerable.Range(10, 4).Select(host => new Contracts.Detection.V1.TrafficShare { Value = $"203.0.113.{host}/32", Share = (20 - host) / 34.0 })],
        });

        await _host.CatchUp();
        var standing = Assert.Single(await Mitigations());
        Assert.Equal(["203.0.113.10/32", "203.0.113.11/32"], standing.Countermeasures.Select(it => it.Route.Split(' ')[0]).Order(StringComparer.Ordinal));
        var said = await refused.Get(fact => fact.ServiceCode == _customer.ServiceCode);
        Assert.Equal("tenant-cap-reached", said.Code);
        Assert.StartsWith("2 of 4 attacked prefixes are not defended (203.0.113.12/32, 203.0.113.13/32): ", said.Detail, StringComparison.Ordinal);
        Assert.Empty(failed.Facts);
    }

    [Fact]
    public async Task A_request_that_grew_under_the_same_id_takes_the_slots_that_it_lacks_and_does_not_pass_the_cap()
    {
        await _host.DisposeAsync();
        _host = await AMitigationService.Start(database, broker, network, ("Mitigations:MaxCountermeasuresPerTenant", "3"));
        var slots = _host.Services.GetRequiredService<CountermeasureSlots>();
        var (id, cancellation) = (Customer.NewId(), TestContext.Current.CancellationToken);

        Assert.Equal(SlotAnswer.Granted, await slots.Take(_customer.TenantId, id, new(1, 1), cancellation));
        Assert.Equal(SlotAnswer.TenantFull, await slots.Take(_customer.TenantId, id, new(50, 50), cancellation));
        Assert.Equal(SlotAnswer.Granted, await slots.Take(_customer.TenantId, id, new(3, 3), cancellation));
        Assert.Equal(SlotAnswer.Granted, await slots.Take(_customer.TenantId, id, new(2, 2), cancellation)); // asked again
        Assert.Equal(SlotAnswer.TenantFull, await slots.Take(_customer.TenantId, Customer.NewId(), new(1, 1), cancellation));
        Assert.Equal(SlotAnswer.TenantFull, await slots.TakeMore(_customer.TenantId, id, new(1, 1), cancellation));
    }

    [Fact]
    public async Task The_version_before_this_one_goes_on_taking_slots_beside_it()
    {
        await using var take = database.DataSource.CreateCommand(
            """
            insert into views.slots_v1 as slot (mitigation_id, tenant_id, taken_at, amount)
            values ($1, $1, now(), 1)
            on conflict (mitigation_id) do update set amount = slot.amount + excluded.amount
            returning amount
            """); // as it says it
        take.Parameters.Add(new() { Value = Customer.NewId() });
        Assert.Equal(1, await take.ExecuteScalarAsync(TestContext.Current.CancellationToken));
        Assert.Equal(2, await take.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }

    private Task Deliver<T>(T fact)
        where T : class => _host.Deliver(fact, Customer.NewId());

    private async Task<IReadOnlyList<Contracts.Grpc.Mitigation.V1.Mitigation>> Mitigations()
    {
        var client = new Client(_host.Channel);
        var answer = await client.ListMitigationsAsync(
            new ListMitigationsRequest(), _host.As(TenantId.Of(_customer.TenantId), Roles.Viewer));
        return answer.Mitigations;
    }

    private async Task Refused(StatusCode status, WithdrawMitigationRequest request, TenantId tenant, string role)
    {
        var client = new Client(_host.Channel);
        var refusal = await Assert.ThrowsAsync<RpcException>(
            () => client.WithdrawMitigationAsync(request, _host.As(tenant, role)).ResponseAsync);
        Assert.Equal(status, refusal.StatusCode);
    }
}
