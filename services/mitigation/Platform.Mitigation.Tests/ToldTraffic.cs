using System.Net;
using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Testing;
using RabbitMQ.Client;

namespace Platform.Mitigation.Tests;

/// <summary>Ingestion's part: what it would tell of the traffic to a target.</summary>
internal sealed class ToldTraffic : IAsyncDisposable
{
    private readonly IConnection _connection;
    private readonly IChannel _channel;

    private ToldTraffic(IConnection connection, IChannel channel) => (_connection, _channel) = (connection, channel);

    public static async Task<ToldTraffic> On(RabbitMqVirtualHost broker)
    {
        var connection = await new ConnectionFactory { Uri = broker.Address }.CreateConnectionAsync();
        return new(connection, await connection.CreateChannelAsync());
    }

    /// <summary>A second of NTP replies to a target, and what comes beside them.</summary>
    public async Task Ntp(Customer customer, string target, DateTimeOffset at, long bitsPerSecond, long other = 0)
    {
        var bytes = new Counters { Bytes = (ulong)bitsPerSecond / 8, Packets = 1 };
        var batch = new TrafficWindowBatch
        {
            ObjectId = customer.ContractId.ToString(),
            TenantId = customer.TenantId.ToString(),
            Windows =
            {
                new HostWindow
                {
                    Host = ByteString.CopyFrom(IPNetwork.Parse(target).BaseAddress.GetAddressBytes()),
                    Second = at.ToUnixTimeSeconds(),
                    Total = new Counters { Bytes = (ulong)(bitsPerSecond + other) / 8, Packets = 1 },
                    Vectors = { new VectorCounters { Vector = Vector.Ntp, Counters = bytes } },
                },
            },
        };
        await _channel.BasicPublishAsync("telemetry.windows", customer.ContractId.ToString(), batch.ToByteArray());
    }

    /// <summary>Flows are heard, of others.</summary>
    public async Task Beat(DateTimeOffset at) => await _channel.BasicPublishAsync(
        "telemetry.beats",
        "",
        mandatory: false,
        new BasicProperties { Type = "platform.telemetry.v1.TelemetryBeat" },
        new TelemetryBeat { Source = "test", HeardAtUnixUs = at.ToUnixTimeMilliseconds() * 1000 }.ToByteArray());

    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
