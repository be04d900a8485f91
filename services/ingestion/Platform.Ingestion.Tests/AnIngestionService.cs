using System.Net;
using System.Net.Sockets;
using Platform.Contracts.Detection.V1;
using Platform.Contracts.Grpc.Ingestion.V1;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Ingestion.Tests.Flows;
using Platform.Testing;
using RabbitMQ.Client;

namespace Platform.Ingestion.Tests;

/// <summary>The whole service on a database, a virtual host and a UDP port of its own, with a neighbour on the telemetry bus.</summary>
public sealed class AnIngestionService(PostgresServer postgres, RabbitMqServer rabbit) : IAsyncLifetime
{
    public static readonly Guid Shop = Guid.Parse("0190aaaa-0000-7000-8000-000000000001");
    public static readonly Guid Acme = Guid.Parse("0190bbbb-0000-7000-8000-000000000001");

    private readonly PostgresDatabase _database = new(postgres);
    private readonly RabbitMqVirtualHost _broker = new(rabbit);
    private readonly UdpClient _exporter = new(new IPEndPoint(IPAddress.Loopback, 0));
    private IConnection? _connection;
    private IChannel? _telemetry;

    public ServiceHost Host { get; private set; } = null!;

    public int Port { get; } = Loopback.FreePort();

    public Contracts.Grpc.Ingestion.V1.Exporters.ExportersClient Exporters => new(Host.Channel);

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        await _broker.InitializeAsync();
        Host = await ServiceHost.Start(new ServiceSetup
        {
            Add = builder =>
            {
                builder.AddPlatform("ingestion");
                builder.AddIngestion();
            },
            Map = app =>
            {
                app.MapPlatform();
                app.MapIngestion();
            },
            Database = _database,
            Broker = _broker,
            Settings = new Dictionary<string, string?> { ["Flows:Listen"] = $"127.0.0.1:{Port}", ["Flows:Receivers"] = "2" },
        });
        _connection = await new ConnectionFactory { Uri = _broker.Address }.CreateConnectionAsync();
        _telemetry = await _connection.CreateChannelAsync();
        await _telemetry.QueueDeclareAsync("windows", autoDelete: false);
        await _telemetry.QueueBindAsync("windows", "telemetry.windows", "");
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await _connection!.DisposeAsync();
        await _broker.DisposeAsync();
        await _database.DisposeAsync();
        _exporter.Dispose();
    }

    public async Task<string> Register(string address = "127.0.0.1", string name = "edge-1", uint samplingRate = 0)
    {
        var headers = Host.As(TenantId.Provider, Roles.ProviderOperator);
        var request = new RegisterExporterRequest { Address = address, Name = name, SamplingRate = samplingRate };
        var registered = await Exporters.RegisterExporterAsync(request, headers);
        await Host.CatchUp();
        Tick();
        return registered.ExporterId;
    }

    public async Task<Exporter> Exporter(string exporterId)
    {
        var list = await Exporters.ListExportersAsync(new ListExportersRequest(), Host.As(TenantId.Provider, Roles.ProviderAuditor));
        var address = list.Exporters.Single(exporter => exporter.ExporterId == exporterId).Address;
        return (await Exporters.GetExporterAsync(new GetExporterRequest { Address = address }, Host.As(TenantId.Provider, Roles.ProviderAuditor))).Exporter;
    }

    public async Task<bool> IsHeard(string exporterId)
    {
        await using var query = _database.DataSource.CreateCommand($"select heard and not silent from views.exporters where exporter_id = '{exporterId}'");
        return (bool)(await query.ExecuteScalarAsync())!;
    }

    /// <summary>Lets half a second pass, and the timers that are due with it.</summary>
    public void Tick(TimeSpan? time = null) => Host.Clock.Advance(time ?? TimeSpan.FromMilliseconds(500));

    /// <summary>Sends one UDP flow of so many packets to a host, as NetFlow v5, and waits until it was received.</summary>
    public async Task SendFlow(string host, int packets = 10, int bytes = 1000)
    {
        byte[] datagram = new Datagram().U16(5, 1).U32(100_000, 1_700_000_000, 0, 1).U8(1, 2).U16(0)
            .Address("198.51.100.7", host, "192.0.2.1").U16(3, 4).U32(packets, bytes, 100_000, 100_000)
            .U16(53, 40000).U8(0, 0, 17, 0).U16(64500, 64501).U8(24, 24).U16(0);
        await _exporter.SendAsync(datagram, new IPEndPoint(IPAddress.Loopback, Port), TestContext.Current.CancellationToken);
    }

    public static ThresholdsChanged Watched(long version, params string[] prefixes) => new()
    {
        TenantId = Acme,
        ObjectId = Shop,
        ServiceCode = "DP00000001",
        Name = "default",
        Prefixes = prefixes,
        Thresholds = [new VectorThreshold { Vector = "udp", BitsPerSecond = 80_000_000, PacketsPerSecond = 100_000 }],
        Version = version,
        ChangedAt = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero),
    };

    /// <summary>Everything on the telemetry bus since the last look.</summary>
    public async Task<List<TrafficWindowBatch>> Batches()
    {
        var batches = new List<TrafficWindowBatch>();
        while (await _telemetry!.BasicGetAsync("windows", autoAck: true) is { } message)
        {
            batches.Add(TrafficWindowBatch.Parser.ParseFrom(message.Body.Span));
        }

        return batches;
    }
}
