using System.Diagnostics;
using System.Text.RegularExpressions;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>Each sentence tries to get past a rail around a corner: by hand, by a setting that changed, by a view that says nothing.</summary>
public sealed class RailsThatBindTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres); // for each test: its views are tampered with
    private readonly Customer _customer = Customer.New();
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
    public async Task Allowed_sources_of_installation_and_policy_pass_first_in_what_the_rules_do_and_in_what_is_done_by_hand()
    {
        await Again(("Mitigations:AllowedSources:0", "192.0.2.53/32"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await SetPolicy("automatic", "198.51.100.0/24");
        await Deliver(_customer.AttackedBy("203.0.113.130/32", Customer.NewId(), "ntp"));
        await ByHand(Rule("203.0.113.131/32", sourcePort: 53));

        foreach (var target in (string[])["203.0.113.130/32", "203.0.113.131/32"])
        {
            await network.RouterHasRule($"destination: {target}", "[source: 192.0.2.53/32]");
            await network.RouterHasRule($"destination: {target}", "[source: 198.51.100.0/24]");
        }

        foreach (var nobody in (string[])["default", "", Guid.Empty.ToString()])
        {
            var no = await Assert.ThrowsAsync<RpcException>(() => SetPolicyOf(nobody, "automatic"));
            Assert.Equal("policy-object-malformed", no.Trailers.GetValue(Rejections.CodeTrailer));
        }

        var answer = await Assert.ThrowsAsync<RpcException>(() => SetPolicy("automatic", "0.0.0.0/0"));
        Assert.Equal("policy-allowed-source-too-wide", answer.Trailers.GetValue(Rejections.CodeTrailer));
        var named = Rule("203.0.113.132/32", sourcePort: 53);
        named.Rule.Source = "198.51.100.7/32";
        answer = await Assert.ThrowsAsync<RpcException>(() => ByHand(named));
        Assert.Equal("source-allow-listed", answer.Trailers.GetValue(Rejections.CodeTrailer)); // the policy's list binds by hand too
    }

    [Fact]
    public async Task The_dry_run_of_an_object_binds_what_is_done_by_hand_and_takes_out_what_stands()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        var before = await ByHand(Rule("203.0.113.133/32", sourcePort: 53));
        Assert.False(before.Rehearsed);
        await network.RouterHasRule("203.0.113.133/32");

        await SetPolicy("dry-run");
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        await network.RouterHasNoRule("203.0.113.133/32");
        var rehearsed = await ByHand(Rule("203.0.113.134/32", sourcePort: 53));

        Assert.True(rehearsed.Rehearsed); // the answer says so
        await _host.CatchUp();
        var listed = (await Mitigations()).Single(it => it.MitigationId == rehearsed.MitigationId);
        Assert.Equal(("rehearsed", "rehearsed"), (listed.Status, Assert.Single(listed.Countermeasures).Status));
        Assert.DoesNotContain(await ANetwork.Rules(network.Speaker), rule => rule.Contains("203.0.113.134/32", StringComparison.Ordinal));
        var other = Customer.New();
        await Deliver(other.Signed("198.51.100.0/24"));
        await Deliver(other.AttackedBy("198.51.100.5/32", Customer.NewId(), "ntp"));
        await network.RouterHasRule("198.51.100.5/32"); // another customer's defence is none of its matter
    }

    [Fact, Trait("Requirement", "R6")]
    public async Task The_dry_run_of_an_object_binds_always_on_which_stands_again_when_it_is_over()
    {
        await Deliver(_customer.Signed("203.0.113.0/24") with { AlwaysOn = true });
        await Passes(async () => (await network.AtRouter("203.0.113.0/24")).Count == 1, "the diversion");

        await SetPolicy("dry-run");
        await Passes(async () => (await network.AtRouter("203.0.113.0/24")).Count == 0, "the end of the diversion");
        await Passes(async () => (await Mitigations()).Any(it => it.Status == "rehearsed"), "the rehearsal");

        await SetPolicy("automatic");
        await Passes(async () => (await network.AtRouter("203.0.113.0/24")).Count == 1, "the diversion again");
    }

    [Fact]
    public async Task What_expired_is_not_held_any_more_though_nobody_has_written_its_end_yet()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await ByHand(Rule("203.0.113.135/32", sourcePort: 53));
        await network.RouterHasRule("203.0.113.135/32");
        await _host.CatchUp();

        await Execute("update views.mitigations_v1 set expires_at = started_at"); // no clock has moved: nobody withdraws

        await network.RouterHasNoRule("203.0.113.135/32");
        await _host.Restart();
        await network.Speaker.Kill();
        await network.Speaker.Start();
        await network.Session();
        Assert.All(await Read(), it => Assert.True(it.Withdrawing));
        Assert.DoesNotContain(await ANetwork.Rules(network.Speaker), rule => rule.Contains("203.0.113.135/32", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Infrastructure_that_is_listed_later_is_taken_out_of_what_stands_and_the_stream_says_so()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        var id = (await ByHand(Rule("203.0.113.136/32", sourcePort: 53), Rule("203.0.113.137/32", sourcePort: 53))).MitigationId;
        await network.RouterHasRule("203.0.113.136/32");

        await Again(("Mitigations:ProtectedInfrastructure:0", "203.0.113.136/32"));

        await network.RouterHasNoRule("203.0.113.136/32"); // before any clock has moved: the gate alone
        await network.RouterHasRule("203.0.113.137/32");
        await Passes(
            async () => (await _host.Store.Tenant(TenantId.Of(_customer.TenantId)).Read(MitigationState.Stream, id, CancellationToken.None))
                .Any(it => it.Data is CountermeasureWithdrawn),
            "its end in the stream");
    }

    [Fact]
    public async Task An_engaged_kill_switch_stays_engaged_over_a_restart_of_everything_until_somebody_releases_it()
    {
        await Deliver(_customer.Signed("203.0.113.0/24") with { AlwaysOn = true });
        await ByHand(Rule("203.0.113.141/32", sourcePort: 53));
        await network.RouterHasRule("203.0.113.141/32");
        await Client.TurnKillSwitchAsync(new() { Engage = true, Reason = "routers misbehave" }, AsProvider());
        await network.RouterHasNoRule("203.0.113.141/32");

        await _host.Restart();
        await network.Speaker.Kill();
        await network.Speaker.Start();
        await network.Session();
        await Deliver(_customer.AttackedBy("203.0.113.142/32", Customer.NewId(), "ntp"));
        await Passes(async () => (await Mitigations()).Any(it => it.Failure == "kill-switch-engaged"), "the refusal");
        Assert.All(await Read(), it => Assert.True(it.Withdrawing));
        Assert.DoesNotContain(await ANetwork.Rules(network.Speaker), rule => rule.Contains("203.0.113.14", StringComparison.Ordinal));
        Assert.Empty(await network.AtSpeaker("203.0.113.0/24"));

        await Client.TurnKillSwitchAsync(new() { Reason = "routers behave" }, AsProvider());
        await Passes(async () => (await network.AtRouter("203.0.113.0/24")).Count == 1, "always-on, which its contract orders, again");
        await network.RouterHasNoRule("203.0.113.141/32");
    }

    [Theory]
    [InlineData("known_mitigations_v1", "countermeasures_v1")]
    [InlineData("kill_switch_v1", "kill_switch_v1")]
    public async Task A_view_that_is_built_anew_means_neither_that_nothing_is_wanted_nor_that_the_kill_switch_is_off(string view, string table)
    {
        await Again(("Scrubbers:Agents:0:Name", "tokyo"), ("Scrubbers:Agents:0:Token", "0123456789abcdef"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await ByHand(Rule("203.0.113.138/32", sourcePort: 53));
        await network.RouterHasRule("203.0.113.138/32");
        await Eventually.Get(Mitigations, seen => seen.Single().Status == "active", what: "the read-back, after which nothing is recorded any more");
        await _host.CatchUp();
        var agent = new Wire.Scrubbers.ScrubbersClient(_host.Channel);
        var asAgent = new Metadata { { "x-platform-scrubber", "tokyo:0123456789abcdef" } };
        await agent.SyncFiltersAsync(new(), asAgent);
        var drift = await Drift(); // of what other tests left

        await Execute($"""
            create table public.position as select position from platform.checkpoints where name = '{view}';
            update platform.checkpoints set position = 0 where name = '{view}';
            alter table views.{table} rename to kept;
            create table views.{table} (like views.kept including all)
            """);

        var building = await _database.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await Execute(building, $"begin; select from platform.checkpoints where name = '{view}' for update"); // as long as this holds, it comes no further
        for (var look = 0; look < 3; look++)
        {
            await Assert.ThrowsAsync<ViewBehindException>(Read);
            await Assert.ThrowsAsync<RpcException>(() => agent.SyncFiltersAsync(new(), asAgent).ResponseAsync); // who cannot hear keeps what he has
            await Assert.ThrowsAsync<RpcException>(() => ByHand(Rule("203.0.113.139/32", sourcePort: 53)));
            await network.RouterHasRule("203.0.113.138/32");
        }

        await Execute(building, "rollback");
        await building.DisposeAsync();
        await Execute($"""
            drop table views.{table};
            alter table views.kept rename to {table};
            update platform.checkpoints set position = (select position from public.position) where name = '{view}'
            """);
        Assert.NotEmpty(await Read());
        await network.RouterHasRule("203.0.113.138/32");
        Assert.Equal(drift, await Drift()); // nor was it away for a moment
    }

    [Fact]
    public async Task What_is_refused_by_hand_takes_no_room()
    {
        await Again(("Mitigations:MaxCountermeasuresPerTenant", "1"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        var refused = await Assert.ThrowsAsync<RpcException>(() => Client.StartMitigationAsync(
            new() { ServiceCode = _customer.ServiceCode, Reason = " ", Countermeasures = { Rule("203.0.113.144/32", sourcePort: 53) } },
            As(Roles.Operator)).ResponseAsync);
        Assert.Equal("reason-missing", refused.Trailers.GetValue(Rejections.CodeTrailer));
        await ByHand(Rule("203.0.113.144/32", sourcePort: 53)); // there is room
    }

    [Fact]
    public async Task One_speaker_of_several_that_is_dead_uses_up_no_caps()
    {
        await Again(
            ("Mitigations:MaxCountermeasuresPerTenant", "1"), ("Bgp:Speakers:1:Name", "dead"), ("Bgp:Speakers:1:Address", "http://127.0.0.1:9"),
            ("Bgp:Speakers:1:FlowSpec", "true"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
        var first = await ByHand(Rule("203.0.113.147/32", sourcePort: 53));
        await network.RouterHasRule("203.0.113.147/32");
        await Assert.ThrowsAsync<RpcException>(() => ByHand(Rule("203.0.113.148/32", sourcePort: 53)));
        await Client.WithdrawMitigationAsync(new() { MitigationId = first.MitigationId, Reason = "over" }, As(Roles.Operator));
        await network.RouterHasNoRule("203.0.113.147/32");

        _host.Clock.Advance(TimeSpan.FromMinutes(2));
        await Passes(
            async () =>
            {
                try
                {
                    await ByHand(Rule("203.0.113.148/32", sourcePort: 53));
                    return true;
                }
                catch (RpcException full) when (full.Trailers.GetValue(Rejections.CodeTrailer) == "tenant-cap-reached")
                {
                    return false;
                }
            },
            "room");
        await network.RouterHasRule("203.0.113.148/32");
    }

    [Fact]
    public async Task The_kill_switch_works_while_the_views_stand_still_and_what_it_took_out_stays_out()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await ByHand(Rule("203.0.113.143/32", sourcePort: 53));
        await network.RouterHasRule("203.0.113.143/32");
        await _host.CatchUp();
        await Execute("""
            create function public.stop() returns trigger language plpgsql as 'begin raise exception $$stopped$$; end';
            create trigger stop before insert or update on views.kill_switch_v1 for each row execute function public.stop()
            """);

        await Client.TurnKillSwitchAsync(new() { Engage = true, Reason = "routers misbehave" }, AsProvider());
        await network.RouterHasNoRule("203.0.113.143/32");
        await Client.TurnKillSwitchAsync(new() { Reason = "routers behave" }, AsProvider());
        Assert.All(await Read(), it => Assert.True(it.Withdrawing));
    }

    [Fact]
    public async Task The_kill_switch_works_for_a_service_that_starts_while_the_views_stand_still()
    {
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await ByHand(Rule("203.0.113.145/32", sourcePort: 53));
        await network.RouterHasRule("203.0.113.145/32");
        await _host.CatchUp();
        await Execute("""
            create function public.stop() returns trigger language plpgsql as 'begin raise exception $$stopped$$; end';
            create trigger stop before insert on views.mitigations_v1 for each row execute function public.stop()
            """);
        await ByHand(Rule("203.0.113.146/32", sourcePort: 53)); // what the view cannot be told any more

        await _host.Restart();
        await network.RouterHasRule("203.0.113.145/32"); // a view that says nothing withdraws nothing
        await Client.TurnKillSwitchAsync(new() { Engage = true, Reason = "routers misbehave" }, AsProvider());
        await network.RouterHasNoRule("203.0.113.145/32");
    }

    [Fact]
    public async Task A_machine_that_vanished_keeps_no_seat_for_the_hours_of_the_systems_default()
    {
        await Eventually.True(
            async () =>
            {
                await using var seats = _database.DataSource.CreateCommand(
                    """
                    select distinct client_port from pg_stat_activity join pg_locks using (pid)
                    where datname = current_database() and locktype = 'advisory' and granted and classid = 1835627625 and objid in (2, 3, 5)
                    """); // "miti" and its number
                var ports = new List<int>();
                await using var row = await seats.ExecuteReaderAsync(TestContext.Current.CancellationToken);
                while (await row.ReadAsync(TestContext.Current.CancellationToken))
                {
                    ports.Add(row.GetInt32(0));
                }

                var probed = await Task.WhenAll(ports.Select(IsProbedSoon));
                return probed.Length == 3 && probed.All(it => it);
            },
            what: "three seats whose holders the database asks within seconds");
    }

    /// <summary>As the kernel says it of the database's end of the connection.</summary>
    private static async Task<bool> IsProbedSoon(int clientPort)
    {
        using var ss = Process.Start(new ProcessStartInfo("ss", ["-tnoH", "state", "established", $"( dport = :{clientPort} )"])
        {
            RedirectStandardOutput = true,
        })!;
        var said = await ss.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        return Regex.IsMatch(said, @"timer:\(keepalive,[\d.]+ms,");
    }

    private async Task<int> Drift()
    {
        var (session, drift) = (_host.Store.Tenant(TenantId.Provider), 0);
        foreach (var key in await session.Keys(SpeakerState.Stream, CancellationToken.None))
        {
            drift += (await session.Read(SpeakerState.Stream, key, CancellationToken.None)).Count(it => it.Data is SpeakerDriftMended);
        }

        return drift;
    }

    [Fact]
    public async Task A_list_that_is_longer_than_a_page_says_so_and_goes_on()
    {
        await Execute($"""
            insert into views.mitigations_v1 (tenant_id, mitigation_id, anomaly_id, service_code, target, started_at, ended_at)
            select '{_customer.TenantId}', gen_random_uuid(), gen_random_uuid(), 'DP00000001', '203.0.113.1/32',
                timestamptz '2030-01-01' + (n / 7) * interval '1 second', '2030-01-02' from generate_series(1, 450) n
            """); // seven at the same moment each

        var (seen, after, pages) = (new List<Wire.Mitigation>(), "", 0);
        do
        {
            var answer = await Client.ListMitigationsAsync(new() { PageToken = after }, As(Roles.Viewer));
            seen.AddRange(answer.Mitigations);
            (after, pages) = (answer.NextPageToken, pages + 1);
        }
        while (after.Length > 0);

        Assert.Equal((3, 450, 450), (pages, seen.Count, seen.DistinctBy(it => it.MitigationId).Count()));
        Assert.Equal(seen.OrderByDescending(it => it.StartedAt.Seconds).Select(it => it.StartedAt), seen.Select(it => it.StartedAt));
        Assert.Equal(200, (await Client.ListMitigationsAsync(new() { PageToken = "nonsense" }, As(Roles.Viewer))).Mitigations.Count);
    }

    private Wire.Mitigations.MitigationsClient Client => new(_host.Channel);

    private async Task Again(params (string Name, string Value)[] settings)
    {
        await _host.DisposeAsync();
        _host = await Start(settings);
    }

    private Task<ServiceHost> Start(params (string Name, string Value)[] settings) => AMitigationService.Start(
        _database,
        broker,
        network,
        [
            ("Bgp:Speakers:0:FlowSpec", "true"),
            ("Bgp:Speakers:0:DiversionNextHopIPv4", "192.0.2.50"),
            .. settings,
        ]);

    private Task<IReadOnlyList<WantedCountermeasure>> Read() =>
        _host.Services.GetRequiredService<WantedCountermeasures>().Read(TestContext.Current.CancellationToken);

    private async Task Execute(string sql)
    {
        await using var command = _database.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    private static async Task Execute(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    private async Task<StartMitigationResponse> ByHand(params Wire.CountermeasureSpec[] specs) => await Client.StartMitigationAsync(
        new() { ServiceCode = _customer.ServiceCode, Reason = "customer called", Countermeasures = { specs } }, As(Roles.Operator));

    private static Wire.CountermeasureSpec Rule(string prefix, uint sourcePort) => new()
    {
        Kind = "flowspec",
        Prefix = prefix,
        Rule = new Rule { Action = "discard", Protocol = 17, SourcePort = new() { From = sourcePort, To = sourcePort } },
    };

    private Task SetPolicy(string mode, params string[] allowed) => SetPolicyOf(_customer.ContractId.ToString(), mode, allowed);

    private async Task SetPolicyOf(string objectId, string mode, params string[] allowed)
    {
        await Client.SetDefensePolicyAsync(
            new()
            {
                ServiceCode = _customer.ServiceCode,
                ObjectId = objectId,
                Reason = "as agreed",
                Policy = new()
                {
                    Mode = mode,
                    AllowedSources = { allowed },
                    Steps = { new Wire.DefenseStep { Kind = "flowspec-discard", PatienceSeconds = 10 } },
                },
            },
            As(Roles.Administrator));
        await _host.CatchUp();
    }

    private Task Passes(Func<Task<bool>> until, string what) => Eventually.True(
        async () =>
        {
            _host.Clock.Advance(TimeSpan.FromMilliseconds(500));
            return await until();
        },
        TimeSpan.FromSeconds(30),
        what);

    private async Task<IReadOnlyList<Wire.Mitigation>> Mitigations() =>
        (await Client.ListMitigationsAsync(new ListMitigationsRequest(), As(Roles.Viewer))).Mitigations;

    private Task Deliver<T>(T fact)
        where T : class => _host.Deliver(fact, Customer.NewId());

    private Metadata AsProvider() => _host.As(TenantId.Provider, Roles.ProviderOperator);

    private Metadata As(string role) => _host.As(TenantId.Of(_customer.TenantId), role);
}
