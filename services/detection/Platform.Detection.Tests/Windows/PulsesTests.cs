using Dapper;
using Npgsql;
using Platform.Detection.Windows;
using Platform.Testing;

namespace Platform.Detection.Tests.Windows;

/// <summary>Pulses are written every second.</summary>
public sealed class PulsesTests(PostgresDatabase database, RabbitMqVirtualHost broker)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>
{
    [Fact]
    public async Task Whoever_writes_pulses_learns_what_ended_and_reads_no_anomaly_that_is_not_its_own()
    {
        await using (await ADetectionService.Start(database, broker))
        {
            // For its tables; what is counted below is ours alone.
        }

        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database.ConnectionString) { MaxPoolSize = 1 });
        var tenant = Customer.NewId();
        Guid[] mine = [.. Enumerable.Range(0, 20).Select(_ => Customer.NewId())];
        await using (var connection = await source.OpenConnectionAsync(TestContext.Current.CancellationToken))
        {
            await connection.ExecuteAsync(
                """
                insert into views.anomalies_v1 (tenant_id, anomaly_id, object_id, service_code, target, vectors,
                    peak_bits_per_second, peak_packets_per_second, since, detected_at, ended_at)
                select case when each <= 20 then @tenant else gen_random_uuid() end, coalesce(@mine[each], gen_random_uuid()), gen_random_uuid(), 'DP00000001',
                    '203.0.113.10/32', '{}', 1, 1, now(), now(), case when each > 2 then now() end
                from generate_series(1, 20000) each
                """,
                new { tenant, mine });
            await connection.ExecuteAsync("analyze views.anomalies_v1");
        }

        var before = await Scans(source);
        var ended = await Pulses.Write(
            source,
            [.. mine.Select(id => new Pulse(tenant, id, 1, DateTimeOffset.UnixEpoch, 1, 1, TimeSpan.Zero, new(1, TimeSpan.Zero, false, null, [])))],
            TestContext.Current.CancellationToken);

        Assert.Equal(before, await Scans(source));
        Assert.Equal(mine[2..].Order(), ended.Order());
        await using var pulses = source.CreateCommand("select anomaly_id from views.pulses_v1 order by anomaly_id");
        await using var rows = await pulses.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        var written = new List<Guid>();
        while (await rows.ReadAsync(TestContext.Current.CancellationToken))
        {
            written.Add(rows.GetGuid(0));
        }

        Assert.Equal(mine[..2].Order(), written.Order());
    }

    /// <summary>How often the whole table was read; of this connection, the only one.</summary>
    private static async Task<long> Scans(NpgsqlDataSource source)
    {
        await using var connection = await source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync("select pg_stat_force_next_flush()");
        return await connection.ExecuteScalarAsync<long>("select seq_scan from pg_stat_user_tables where schemaname = 'views' and relname = 'anomalies_v1'");
    }
}
