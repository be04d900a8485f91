using System.Net;
using System.Text;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.Contracts.Accounts.V1;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.SecurityEvents;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using RabbitMQ.Client;

namespace Platform.Detection.Tests;

/// <summary>The service as its program composes it, and an ingestion that sends what a test says.</summary>
internal sealed class ADetectionService : IAsyncDisposable
{
    private readonly IConnection _connection;
    private readonly IChannel _channel;
    private readonly string _source = Customer.NewId().ToString();
    private ulong _sequence;

    private ADetectionService(ServiceHost host, IConnection connection, IChannel channel) =>
        (Host, _connection, _channel) = (host, connection, channel);

    public ServiceHost Host { get; }

    /// <param name="wires">Where the service finds the database and the broker instead of at their own ports.</param>
    /// <param name="clock">Shared by several services.</param>
    /// <param name="heartbeat">Of its connection to the broker, when its death by silence matters.</param>
    public static async Task<ADetectionService> Start(
        PostgresDatabase database,
        RabbitMqVirtualHost broker,
        (int Database, int Broker)? wires = null,
        ManualTimeProvider? clock = null,
        TimeSpan? heartbeat = null)
    {
        var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        connection.Port = wires?.Database ?? connection.Port;
        var host = await ServiceHost.Start(new ServiceSetup
        {
            Add = builder =>
            {
                builder.AddPlatform("detection");
                builder.AddDetection();
                builder.Services.AddGrpc();
            },
            Map = app =>
            {
                app.MapPlatform();
                app.MapGrpcService<ProtectedObjectsService>();
                app.MapGrpcService<AnomaliesService>();
                app.MapGrpcService<SecurityEventsService>();
            },
            Database = database,
            Broker = broker,
            Clock = clock ?? new ManualTimeProvider(),
            Settings = new Dictionary<string, string?>
            {
                ["Anomalies:QuietFor"] = "00:00:05", // time passes in small steps
                ["ConnectionStrings:Postgres"] = connection.ConnectionString,
                ["RabbitMq:Port"] = $"{wires?.Broker ?? broker.Port}",
                ["Windows:Heartbeat"] = $"{heartbeat ?? TimeSpan.FromSeconds(30)}", // a slow machine is not dead
            },
        });
        var bus = await new ConnectionFactory { Uri = broker.Address }.CreateConnectionAsync();
        return new ADetectionService(host, bus, await bus.CreateChannelAsync());
    }

    /// <summary>One batch with one increment, as ingestion would publish it, of the object <c>default</c> unless another one is named.</summary>
    public async Task Send(
        Customer customer, string target, long packets, int second = 0, string? traceParent = null, ulong lost = 0, string? objectId = null, TimeSpan? lag = null,
        params Guid[] exporters)
    {
        objectId ??= customer.ContractId.ToString();
        _sequence += lost;
        var batch = new TrafficWindowBatch
        {
            ObjectId = objectId,
            TenantId = customer.TenantId.ToString(),
            ObjectVersion = 1,
            Source = _source,
            Sequence = ++_sequence,
            SamplingRate = 1,
            Exporters = { exporters.Select(exporter => ByteString.CopyFrom(exporter.ToByteArray(bigEndian: true))) },
            FirstArrivalUnixUs = (lag is { } behind ? Host.Clock.GetUtcNow() - behind : TimeProvider.System.GetUtcNow()).ToUnixTimeMilliseconds() * 1000,
            Windows =
            {
                new HostWindow
                {
                    Host = ByteString.CopyFrom(IPAddress.Parse(target).GetAddressBytes()),
                    Second = Host.Clock.GetUtcNow().ToUnixTimeSeconds() + second,
                    Total = new Counters { Packets = (ulong)packets, Bytes = (ulong)packets * 100 },
                },
            },
        };
        var properties = new BasicProperties
        {
            Headers = traceParent is null
                ? null
                : new Dictionary<string, object?> { ["traceparent"] = Encoding.ASCII.GetBytes(traceParent) },
        };
        await _channel.BasicPublishAsync("telemetry.windows", objectId, mandatory: false, properties, batch.ToByteArray());
    }

    /// <summary>The anomaly of the target, a new one or the open one, is found to be spread over these.</summary>
    public async Task Spread(Customer customer, string target, params IEnumerable<(string Prefix, double Part)> over)
    {
        var (network, now) = (System.Net.IPNetwork.Parse(target), Host.Clock.GetUtcNow());
        PrefixShare[] prefixes = [.. over.Select(one => new PrefixShare(System.Net.IPNetwork.Parse(one.Prefix), one.Part))];
        await Host.Store.Tenant(TenantId.Of(customer.TenantId)).Handle(
            AnomalyState.Stream,
            AnomalyState.KeyOf(customer.ContractId, network),
            state => AnomalyDecider.Decide(state, new JudgeSecond(
                state.Open ?? new(Customer.NewId(), customer.ContractId, customer.ServiceCode, network, WatchLevel.Prefix),
                now,
                new(1_000_000, 2_000),
                [new(TrafficVector.Total, 1_000_000, 2_000, null, 1_000)],
                Pulses: 1,
                Explanation: null,
                now,
                prefixes.Length == 0 ? null : prefixes)),
            new Cause($"test:{Customer.NewId()}"),
            TestContext.Current.CancellationToken);
        await Host.CatchUp();
    }

    /// <summary>Telemetry is there, whatever it says.</summary>
    public async Task Beat() => await _channel.BasicPublishAsync(
        "telemetry.beats",
        "",
        mandatory: false,
        new BasicProperties { Type = WindowTopology.BeatType },
        new TelemetryBeat { Source = _source }.ToByteArray());

    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync();
        await _connection.DisposeAsync();
        await Host.DisposeAsync();
    }
}

/// <summary>A tenant with one contract.</summary>
internal sealed record Customer(Guid TenantId, Guid ContractId, string ServiceCode)
{
    private static int _count;

    public static Customer New()
    {
        var number = Interlocked.Increment(ref _count);
        return new(NewId(), NewId(), $"DP{number:D8}");
    }

    public static Guid NewId() => Guid.CreateVersion7(TimeProvider.System.GetUtcNow());

    public ContractSigned Signed(params string[] prefixes) => new()
    {
        TenantId = TenantId,
        ContractId = ContractId,
        ServiceCode = ServiceCode,
        Service = "ddos",
        Prefixes = prefixes,
        DeclaredBitsPerSecond = 1_000_000_000,
        Version = 1,
        SignedAt = DateTimeOffset.UnixEpoch,
    };

    public ContractChanged Changed(long version, params string[] prefixes) => new()
    {
        TenantId = TenantId,
        ContractId = ContractId,
        ServiceCode = ServiceCode,
        Service = "ddos",
        Prefixes = prefixes,
        DeclaredBitsPerSecond = 1_000_000_000,
        Version = version,
        ChangedAt = DateTimeOffset.UnixEpoch,
    };

    public ContractTerminated Terminated() => new()
    {
        TenantId = TenantId,
        ContractId = ContractId,
        ServiceCode = ServiceCode,
        Service = "ddos",
        Version = 9,
        TerminatedAt = DateTimeOffset.UnixEpoch,
    };
}
