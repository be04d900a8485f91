using System.Diagnostics;
using System.Text.RegularExpressions;
using Grpc.Core;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Tests.Bgp;
using Platform.Hosting;
using Platform.Testing;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>Views that say nothing, stand still or are long; and the seat of whom nobody can ask any more.</summary>
public sealed class ViewsAndSeatsTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network) : ADefendedCustomer(postgres, broker, network)
{
    [Theory]
    [InlineData("known_mitigations_v1", "countermeasures_v1")]
    [InlineData("kill_switch_v1", "kill_switch_v1")]
    public async Task A_view_that_is_built_anew_means_neither_that_nothing_is_wanted_nor_that_the_kill_switch_is_off(string view, string table)
    {
        await Again(("Scrubbers:Agents:0:Name", "tokyo"), ("Scrubbers:Agents:0:Token", "0123456789abcdef"));
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await ByHand(Rule("203.0.113.138/32", sourcePort: 53));
        await Network.RouterHasRule("203.0.113.138/32");
        await Eventually.Get(Mitigations, seen => seen.Single().Status == "active", what: "the read-back, after which nothing is recorded any more");
        await Host.CatchUp();
        var agent = new Wire.Scrubbers.ScrubbersClient(Host.Channel);
        var asAgent = new Metadata { { "x-platform-scrubber", "tokyo:0123456789abcdef" } };
        await agent.SyncFiltersAsync(new(), asAgent);
        var drift = await Drift(); // of what other tests left

        await Execute($"""
            create table public.position as select position from platform.checkpoints where name = '{view}';
            update platform.checkpoints set position = 0 where name = '{view}';
            alter table views.{table} rename to kept;
            create table views.{table} (like views.kept including all)
            """);

        var building = await Database.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await Execute(building, $"begin; select from platform.checkpoints where name = '{view}' for update"); // as long as this holds, it comes no further
        for (var look = 0; look < 3; look++)
        {
            await Assert.ThrowsAsync<ViewBehindException>(Read);
            await Assert.ThrowsAsync<RpcException>(() => agent.SyncFiltersAsync(new(), asAgent).ResponseAsync); // who cannot hear keeps what he has
            await Assert.ThrowsAsync<RpcException>(() => ByHand(Rule("203.0.113.139/32", sourcePort: 53)));
            await Network.RouterHasRule("203.0.113.138/32");
        }

        await Execute(building, "rollback");
        await building.DisposeAsync();
        await Execute($"""
            drop table views.{table};
            alter table views.kept rename to {table};
            update platform.checkpoints set position = (select position from public.position) where name = '{view}'
            """);
        Assert.NotEmpty(await Read());
        await Network.RouterHasRule("203.0.113.138/32");
        Assert.Equal(drift, await Drift()); // nor was it away for a moment
    }

    [Fact]
    public async Task The_kill_switch_works_while_the_views_stand_still_and_what_it_took_out_stays_out()
    {
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await ByHand(Rule("203.0.113.143/32", sourcePort: 53));
        await Network.RouterHasRule("203.0.113.143/32");
        await Host.CatchUp();
        await Execute("""
            create function public.stop() returns trigger language plpgsql as 'begin raise exception $$stopped$$; end';
            create trigger stop before insert or update on views.kill_switch_v1 for each row execute function public.stop()
            """);

        await Client.TurnKillSwitchAsync(new() { Engage = true, Reason = "routers misbehave" }, AsProvider());
        await Network.RouterHasNoRule("203.0.113.143/32");
        await Client.TurnKillSwitchAsync(new() { Reason = "routers behave" }, AsProvider());
        Assert.All(await Read(), it => Assert.True(it.Withdrawing));
    }

    [Fact]
    public async Task The_kill_switch_works_for_a_service_that_starts_while_the_views_stand_still()
    {
        await Deliver(Customer.Signed("203.0.113.0/24"));
        await ByHand(Rule("203.0.113.145/32", sourcePort: 53));
        await Network.RouterHasRule("203.0.113.145/32");
        await Host.CatchUp();
        await Execute("""
            create function public.stop() returns trigger language plpgsql as 'begin raise exception $$stopped$$; end';
            create trigger stop before insert on views.mitigations_v1 for each row execute function public.stop()
            """);
        await ByHand(Rule("203.0.113.146/32", sourcePort: 53)); // what the view cannot be told any more

        await Host.Restart();
        await Network.RouterHasRule("203.0.113.145/32"); // a view that says nothing withdraws nothing
        await Client.TurnKillSwitchAsync(new() { Engage = true, Reason = "routers misbehave" }, AsProvider());
        await Network.RouterHasNoRule("203.0.113.145/32");
    }

    [Fact]
    public async Task A_list_that_is_longer_than_a_page_says_so_and_goes_on()
    {
        await Execute($"""
            insert into views.mitigations_v1 (tenant_id, mitigation_id, anomaly_id, service_code, target, started_at, ended_at)
            select '{Customer.TenantId}', gen_random_uuid(), gen_random_uuid(), 'DP00000001', '203.0.113.1/32',
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

    [Fact]
    public async Task A_machine_that_vanished_keeps_no_seat_for_the_hours_of_the_systems_default()
    {
        await Eventually.True(
            async () =>
            {
                await using var seats = Database.DataSource.CreateCommand(
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
        var (session, drift) = (Host.Store.Tenant(TenantId.Provider), 0);
        foreach (var key in await session.Keys(SpeakerState.Stream, CancellationToken.None))
        {
            drift += (await session.Read(SpeakerState.Stream, key, CancellationToken.None)).Count(it => it.Data is SpeakerDriftMended);
        }

        return drift;
    }

    private static async Task Execute(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
