using System.Globalization;
using System.Security.Cryptography;
using Npgsql;
using Platform.Testing;
using RabbitMQ.Client;

namespace Platform.Benchmarks;

/// <summary>
/// What the whole ingestion service takes for a million hosts: its own program with database and broker, one registered exporter, every host of 10.0.0.0 to 10.15.66.63
/// with traffic in each second, all windows encoded, sent and confirmed.
/// </summary>
internal static class IngestionServiceMemory
{
    private const int Hosts = 1_000_000;
    private const int Seconds = 8;

    /// <returns>Most megabytes that were ever resident, and windows that the broker confirmed.</returns>
    public static async Task<(double PeakMegabytes, long Windows)> Measure()
    {
        using var folder = new TemporaryFolder("bench-ingestion");
        using (var key = ECDsa.Create(ECCurve.NamedCurves.nistP256))
        {
            await File.WriteAllTextAsync(folder.File("verify.pem"), key.ExportSubjectPublicKeyInfoPem());
        }

        await using var postgres = PostgresServer.Own(new PostgresSetup());
        await using var rabbit = RabbitMqServer.Own();
        await Task.WhenAll(postgres.InitializeAsync().AsTask(), rabbit.InitializeAsync().AsTask());
        var virtualHost = new RabbitMqVirtualHost(rabbit);
        await virtualHost.InitializeAsync();
        var database = await postgres.CreateDatabase("ingestion", Secrets.Password());
        var program = Path.Combine(Repository.Path("artifacts", "bin", "Platform.Ingestion", "release"), "Platform.Ingestion");
        var (health, flows) = (Loopback.FreePort(), Loopback.FreePort());
        var environment = new Dictionary<string, string?>
        {
            ["ASPNETCORE_CONTENTROOT"] = Path.GetDirectoryName(program),
            ["ASPNETCORE_URLS"] = null,
            ["ConnectionStrings__Postgres"] = database,
            ["RabbitMq__Host"] = virtualHost.Host,
            ["RabbitMq__Port"] = $"{virtualHost.Port}",
            ["RabbitMq__VirtualHost"] = virtualHost.Name,
            ["RabbitMq__User"] = virtualHost.User,
            ["RabbitMq__Password"] = virtualHost.Password,
            ["Listen__Health"] = $"127.0.0.1:{health}",
            ["Listen__Grpc"] = $"127.0.0.1:{Loopback.FreePort()}",
            ["Caller__VerificationKeyFile"] = folder.File("verify.pem"),
            ["Flows__Listen"] = $"127.0.0.1:{flows}",
            ["Flows__Receivers"] = "1",
        };
        await using (var migrate = ServerProcess.Start("ingestion migrate", folder.File("migrate.log"), [program, "migrate"], environment))
        {
            if (await migrate.Ended(TimeSpan.FromMinutes(2)) is not 0)
            {
                throw new InvalidOperationException(migrate.LogTail());
            }
        }

        await Prepare(database);
        await using var connection = await new ConnectionFactory { Uri = virtualHost.Address }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("windows", autoDelete: false, arguments: new Dictionary<string, object?> { ["x-max-length-bytes"] = 1_000_000 });
        await channel.QueueBindAsync("windows", "telemetry.windows", "");

        await using var service = ServerProcess.Start("ingestion", folder.File("ingestion.log"), [program], environment);
        using var http = new HttpClient(new SocketsHttpHandler());
        await Eventually.True(async () => await Text("healthz/ready") is not null, TimeSpan.FromMinutes(1), "the ingestion service");
        await Task.Delay(2000); // exporters and objects are read twice a second

        var datagrams = FlowDatagrams.Of("v9", Hosts);
        await IngestionBenchmark.Send(datagrams, flows, recordsPerSecond: 1.2e6, Seconds);
        await Task.Delay(3000); // the last windows
        var sent = (await Text("metrics") ?? "").Split('\n')
            .Where(line => line.StartsWith("platform_ingestion_windows_sent", StringComparison.Ordinal))
            .Sum(line => double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));
        return (IngestionBenchmark.PeakMegabytes(service.Id), (long)sent);

        async Task<string?> Text(string path)
        {
            try
            {
                return await http.GetStringAsync(new Uri($"http://127.0.0.1:{health}/{path}"));
            }
            catch (HttpRequestException)
            {
                return null;
            }
        }
    }

    // One exporter and one protected object, as their events would have made them.
    private static async Task Prepare(string database)
    {
        await using var source = NpgsqlDataSource.Create(database);
        await using var insert = source.CreateCommand("""
            insert into views.exporters (exporter_id, stream_key, address, name, sampling_rate, registered_at)
            values (gen_random_uuid(), '7f000001', '127.0.0.1', 'bench', 0, now());
            insert into views.protected_objects (object_id, tenant_id, version, prefixes, watch_bytes, watch_packets, retired)
            values (gen_random_uuid(), gen_random_uuid(), 1, array['10.0.0.0/8'], 9e18::bigint, 9e18::bigint, false);
            """);
        await insert.ExecuteNonQueryAsync();
    }
}
