using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Platform.EventStore;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;

namespace Platform.Mitigation.Tests;

/// <summary>A connection to a speaker that is cut off without a word, as by a firewall that forgot it, is given up, and another one taken.</summary>
public sealed class SpeakerKeepAliveTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres);
    private readonly Customer _customer = Customer.New();
    private readonly Relay _relay = new(network.Speaker.Api.Port);
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        _host = await AMitigationService.Start(
            _database, broker, network, ("Bgp:Speakers:1:Name", "behind"), ("Bgp:Speakers:1:Address", $"http://127.0.0.1:{_relay.Port}"));
        await _host.Deliver(_customer.Signed("203.0.113.0/24"), Customer.NewId());
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _relay.Dispose();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_speaker_whose_connection_fell_silent_is_lost_and_found_again_over_another_one()
    {
        await Eventually.True(() => _relay.Connections > 0, what: "a connection through the relay");
        await _host.Deliver(_customer.Attacked("203.0.113.170/32", Customer.NewId()), Customer.NewId());
        await network.RouterHolds("203.0.113.170/32", "203.0.113.170/32 via 192.0.2.1 [65535:666 65535:65281]");

        await Eventually.Get(
            async () =>
            {
                _relay.FallSilent(); // also those that were about to come up
                return await Events();
            },
            seen => seen.Any(it => it is SpeakerLost),
            TimeSpan.FromSeconds(60),
            "the speaker lost");
        await Eventually.Get(Events, seen => seen.Any(it => it is SpeakerReturned), TimeSpan.FromSeconds(60), "the speaker back over a connection that is not silent");
    }

    private async Task<IReadOnlyList<object>> Events()
    {
        var (session, events) = (_host.Store.Tenant(TenantId.Provider), new List<object>());
        foreach (var key in (await session.Keys(SpeakerState.Stream, CancellationToken.None)).Where(key => key.StartsWith("behind", StringComparison.Ordinal)))
        {
            events.AddRange((await session.Read(SpeakerState.Stream, key, CancellationToken.None)).Select(it => it.Data));
        }

        return events;
    }

    /// <summary>Hands bytes on. Connections that fell silent stay open, and take what they are given without handing it on.</summary>
    private sealed class Relay : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly ConcurrentBag<CancellationTokenSource> _standing = [];
        private readonly CancellationTokenSource _over = new();

        public Relay(int to)
        {
            _listener.Start();
            _ = Accept(to);
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public int Connections => _standing.Count;

        public void FallSilent()
        {
            foreach (var connection in _standing)
            {
                connection.Cancel();
            }
        }

        public void Dispose()
        {
            _over.Cancel();
            _listener.Dispose();
            _over.Dispose();
        }

        private async Task Accept(int to)
        {
            while (!_over.IsCancellationRequested)
            {
                var caller = await _listener.AcceptTcpClientAsync(_over.Token);
                var speaker = new TcpClient();
                await speaker.ConnectAsync(IPAddress.Loopback, to, _over.Token);
                var silent = new CancellationTokenSource();
                _standing.Add(silent);
                _ = HandOn(caller, speaker, silent.Token);
                _ = HandOn(speaker, caller, silent.Token);
            }
        }

        private async Task HandOn(TcpClient from, TcpClient to, CancellationToken silent)
        {
            var bytes = new byte[65_536];
            while (await from.GetStream().ReadAsync(bytes, _over.Token) is > 0 and var read)
            {
                if (!silent.IsCancellationRequested)
                {
                    await to.GetStream().WriteAsync(bytes.AsMemory(0, read), _over.Token);
                }
            }

            if (!silent.IsCancellationRequested)
            {
                to.Dispose(); // who hangs up is heard
            }
        }
    }
}
