using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Platform.Mitigation.Bgp.Wire;
using Platform.Contracts.Accounts.V1;
using Platform.Contracts.Detection.V1;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using Wire = Platform.Mitigation.Bgp.Wire;

namespace Platform.Benchmarks;

/// <summary>
/// From an anomaly that was appended to the route that the BGP peer holds, over everything that lies between: event store and relay (as
/// detection has them), RabbitMQ, the mitigation program as a process of its own, GoBGP, and a second GoBGP as the router. PostgreSQL writes
/// to the disk before it confirms. Then 1,000 FlowSpec rules by hand, a kill -9 of GoBGP (which restarts gracefully, as deployed), of mitigation (with all
/// its rules taken from GoBGP meanwhile) and of both, the first again beside the rules, the kill switch, and these two once more with 200,000 routes of the router in
/// GoBGP's table. <c>bench mitigation [runs]</c>
/// </summary>
internal static class MitigationBenchmark
{
    private const int Warm = 10;
    private const int Rules = 1_000;
    private const int RulesPerOrder = 50;
    private const int ForeignRoutes = 200_000;
    private const int BesideRulesFrom = 300;
    private const int ForeignFrom = 600;
    private static readonly Guid Tenant = Guid.Parse("0190aaaa-0000-7000-8000-000000000001");
    private static readonly string[] Blocks = ["203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24", "100.64.0.0/16"];

    public static async Task<object> Run(string[] arguments)
    {
        var runs = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 200;
        using var folder = new TemporaryFolder("bench-mitigation");
        using (var key = ECDsa.Create(ECCurve.NamedCurves.nistP256))
        {
            await File.WriteAllTextAsync(folder.File("sign.pem"), key.ExportPkcs8PrivateKeyPem());
            await File.WriteAllTextAsync(folder.File("verify.pem"), key.ExportSubjectPublicKeyInfoPem());
            await File.WriteAllTextAsync(folder.File("sealing.keys"), Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
        }

        await using var postgres = PostgresServer.Own(new PostgresSetup { Durable = true });
        await using var rabbit = RabbitMqServer.Own();
        await using var router = new GoBgpServer(new()
        {
            Asn = 64512,
            RouterId = "192.0.2.3",
            Address = "127.0.0.3",
            Neighbours = [new("127.0.0.2", 64513)],
            GracefulRestart = TimeSpan.FromSeconds(30),
        });
        await using var speaker = new GoBgpServer(new()
        {
            Asn = 64513,
            RouterId = "192.0.2.2",
            Address = "127.0.0.2",
            Neighbours = [new("127.0.0.3", 64512, router.Port)],
            GracefulRestart = TimeSpan.FromSeconds(30),
        });
        await Task.WhenAll(postgres.InitializeAsync().AsTask(), rabbit.InitializeAsync().AsTask(), router.Start(), speaker.Start());
        var virtualHost = new RabbitMqVirtualHost(rabbit);
        await virtualHost.InitializeAsync();

        var grpc = Loopback.FreePort();
        await using var mitigation = await MitigationProgram.Start(postgres, virtualHost, speaker, grpc, folder);
        var database = new PostgresDatabase(postgres);
        await database.InitializeAsync();
        await using var detection = await ServiceHost.Start(new ServiceSetup
        {
            Add = builder =>
            {
                builder.AddPlatform("bench");
                builder.AddEventStore(EventCatalog.Of(typeof(BenchEvent)));
                builder.AddMessaging("bench", _ => { });
                builder.AddPublications<BenchPublications>();
            },
            Map = app => app.MapPlatform(),
            Database = database,
            Broker = virtualHost,
            Settings = new Dictionary<string, string?>
            {
                ["Caller:SigningKeyFile"] = folder.File("sign.pem"),
                ["Caller:VerificationKeyFile"] = folder.File("verify.pem"),
            },
        });
        await Eventually.True(() => router.IsEstablished("127.0.0.2"), TimeSpan.FromSeconds(60), "the BGP session");
        await detection.Services.GetRequiredService<IBus>().Publish(Contract);

        using var channel = GrpcChannel.ForAddress(router.Api);
        var peer = new GobgpApi.GobgpApiClient(channel);
        var figures = new Dictionary<string, double>();
        await Latency(detection, peer, runs, figures, "route");
        await FlowSpec(detection, peer, router, speaker, mitigation, grpc, figures);
        await Latency(detection, peer, runs / 4, figures, "route_beside_rules", BesideRulesFrom);
        using var api = GrpcChannel.ForAddress($"http://127.0.0.1:{grpc}");
        var mitigations = new Mitigations.MitigationsClient(api);
        await KillSwitch("kill_switch_s", [.. Targets(0, runs), .. Targets(BesideRulesFrom, runs / 4)]);
        await Foreign(peer, speaker);
        await Latency(detection, peer, runs / 4, figures, "route_foreign", ForeignFrom);
        await KillSwitch("kill_switch_foreign_s", Targets(ForeignFrom, runs / 4));
        detection.Channel.Dispose();
        return figures;

        async Task KillSwitch(string figure, string[] blackholed)
        {
            var clock = Stopwatch.StartNew();
            await mitigations.TurnKillSwitchAsync(new() { Engage = true, Reason = "bench" }, detection.As(TenantId.Provider, Roles.ProviderOperator));
            await Until(peer, 0);
            await Eventually.True(async () => !await Holds(peer, blackholed), TimeSpan.FromSeconds(60), "no blackhole at the peer");
            figures[figure] = Seconds(clock);
            Console.WriteLine(Line($"nothing at the peer {figures[figure]} s after the kill switch"));
            await mitigations.TurnKillSwitchAsync(new() { Reason = "bench" }, detection.As(TenantId.Provider, Roles.ProviderOperator));
        }
    }

    private static string[] Targets(int from, int runs) => [.. Enumerable.Range(from, Warm + runs).Select(TargetOf)];

    private static async Task Latency(
        ServiceHost detection, GobgpApi.GobgpApiClient peer, int runs, Dictionary<string, double> figures, string what, int from = 0)
    {
        var session = detection.Store.Tenant(TenantId.Of(Tenant));
        var milliseconds = new List<double>();
        for (var run = from; run < from + Warm + runs; run++)
        {
            var target = TargetOf(run);
            var id = Guid.CreateVersion7(TimeProvider.System.GetUtcNow());
            await session.Append(
                BenchState.Stream, id.ToString(), ExpectedVersion.Any, [new BenchAnomalyDetected(id, target)], new Cause($"run {run}"), default);
            var since = Stopwatch.StartNew(); // the anomaly is appended
            while (!await Holds(peer, target))
            {
                if (since.Elapsed > TimeSpan.FromSeconds(30))
                {
                    throw new TimeoutException($"{target} never reached the peer.");
                }

                await Task.Delay(1);
            }

            milliseconds.Add(since.Elapsed.TotalMilliseconds);
        }

        var sorted = milliseconds.Skip(Warm).Order().ToArray();
        figures[$"{what}_median_ms"] = Math.Round(sorted[sorted.Length / 2], 1);
        figures[$"{what}_p99_ms"] = Math.Round(sorted[(int)Math.Ceiling(sorted.Length * 0.99) - 1], 1);
        figures[$"{what}_max_ms"] = Math.Round(sorted[^1], 1);
        figures[$"{what}_runs"] = sorted.Length;
        Console.WriteLine(Line($"{what} at the peer after {figures[$"{what}_median_ms"]} ms median, {figures[$"{what}_p99_ms"]} ms p99, {runs} runs"));
    }

    private static async Task FlowSpec(
        ServiceHost detection,
        GobgpApi.GobgpApiClient peer,
        GoBgpServer router,
        GoBgpServer speaker,
        MitigationProgram mitigation,
        int grpc,
        Dictionary<string, double> figures)
    {
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{grpc}");
        var mitigations = new Mitigations.MitigationsClient(channel);
        var clock = Stopwatch.StartNew();
        await Parallel.ForEachAsync(Enumerable.Range(0, Rules / RulesPerOrder), new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (order, cancellation) =>
            await mitigations.StartMitigationAsync(
                new StartMitigationRequest
                {
                    TenantId = TenantId.Of(Tenant).Value,
                    ServiceCode = Contract.ServiceCode,
                    Reason = "bench",
                    Countermeasures =
                    {
                        Enumerable.Range(order * RulesPerOrder, RulesPerOrder).Select(number => new CountermeasureSpec
                        {
                            Kind = "flowspec",
                            Prefix = $"100.64.{number / 200}.{1 + number % 200}/32",
                            Rule = new Rule { Action = "discard", Protocol = 17, SourcePort = new() { From = 123, To = 123 } },
                        }),
                    },
                },
                detection.As(TenantId.Provider, Roles.ProviderOperator),
                cancellationToken: cancellation));
        await Until(peer, Rules);
        figures["flowspec_1000_s"] = Seconds(clock);
        Console.WriteLine(Line($"{Rules} rules ordered and at the peer after {figures["flowspec_1000_s"]} s"));
        await Task.Delay(3000); // the read-backs go into the streams

        clock.Restart();
        using var over = new CancellationTokenSource();
        var missing = Missing(peer, over.Token);
        await speaker.Kill();
        await speaker.Start();
        using var speakerChannel = GrpcChannel.ForAddress(speaker.Api);
        await Until(new GobgpApi.GobgpApiClient(speakerChannel), Rules);
        figures["reconcile_s"] = Seconds(clock);
        Console.WriteLine(Line($"{Rules} rules again at the speaker {figures["reconcile_s"]} s after its kill -9"));
        await Eventually.True(() => router.IsEstablished("127.0.0.2"), TimeSpan.FromSeconds(60), "a new session");
        figures["new_session_s"] = Seconds(clock); // GoBGP waits 5 to 9 seconds before it connects
        await Task.Delay(3_000); // the end of what it kept of the old one
        await Until(peer, Rules);
        await over.CancelAsync();
        figures["peer_gap_s"] = Math.Round((await missing).TotalSeconds, 2);
        Console.WriteLine(Line($"... a new session after {figures["new_session_s"]} s; meanwhile the peer lacked rules for {figures["peer_gap_s"]} s"));

        await Restarts(new GobgpApi.GobgpApiClient(speakerChannel), peer, speaker, mitigation, figures);
    }

    /// <summary>The router tells the speaker of much of the world, and the speaker lets it into its table: the worst that a setup can do.</summary>
    private static async Task Foreign(GobgpApi.GobgpApiClient peer, GoBgpServer speaker)
    {
        using (var call = peer.AddPathStream())
        {
            foreach (var chunk in Enumerable.Range(0, ForeignRoutes).Chunk(500))
            {
                await call.RequestStream.WriteAsync(new AddPathStreamRequest { Paths = { chunk.Select(Route) } });
            }

            await call.RequestStream.CompleteAsync();
            await call.ResponseAsync;
        }

        await Eventually.True(
            async () => int.Parse((await speaker.Gobgp("global", "rib", "summary")).Split("Destination: ")[1].Split(',')[0], CultureInfo.InvariantCulture) >= ForeignRoutes,
            TimeSpan.FromMinutes(2),
            "the world at the speaker");

        static Wire.Path Route(int number) => new()
        {
            Nlri = Any.Pack(new IPAddressPrefix { Prefix = $"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}", PrefixLen = 32 }),
            Pattrs = { Any.Pack(new OriginAttribute { Origin = 2 }), Any.Pack(new NextHopAttribute { NextHop = "192.0.2.200" }) },
            Family = new Family { Afi = 1, Safi = 1 },
        };
    }

    /// <summary>From the start of the program, or of both, until all rules are at the speaker again; and how much of it the program itself needs.</summary>
    private static async Task Restarts(
        GobgpApi.GobgpApiClient atSpeaker, GobgpApi.GobgpApiClient peer, GoBgpServer speaker, MitigationProgram mitigation, Dictionary<string, double> figures)
    {
        await mitigation.Kill();
        await speaker.Gobgp("global", "rib", "del", "-a", "ipv4-flowspec", "all");
        await Until(atSpeaker, 0);
        var clock = Stopwatch.StartNew();
        mitigation.Start();
        await Until(atSpeaker, Rules);
        figures["service_restart_s"] = Seconds(clock);
        Console.WriteLine(Line($"{Rules} rules again at the speaker {figures["service_restart_s"]} s after a start of mitigation"));
        await Until(peer, Rules);
        await mitigation.Ready();

        await Task.WhenAll(mitigation.Kill(), speaker.Kill());
        clock.Restart();
        mitigation.Start();
        await speaker.Start();
        await Until(atSpeaker, Rules);
        figures["both_restart_s"] = Seconds(clock);
        Console.WriteLine(Line($"{Rules} rules again at the speaker {figures["both_restart_s"]} s after a start of both"));
        await mitigation.Ready();
        await Until(peer, Rules);
    }

    /// <summary>How long in all the peer held fewer rules than it should.</summary>
    private static async Task<TimeSpan> Missing(GobgpApi.GobgpApiClient peer, CancellationToken over)
    {
        var lacked = TimeSpan.Zero;
        var since = Stopwatch.StartNew();
        while (!over.IsCancellationRequested)
        {
            var isWhole = await Count(peer) == Rules;
            lacked += isWhole ? TimeSpan.Zero : since.Elapsed;
            since.Restart();
            await Task.Delay(20, CancellationToken.None);
        }

        return lacked;
    }

    private static async Task Until(GobgpApi.GobgpApiClient server, int rules)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                if (await Count(server) == rules)
                {
                    return;
                }
            }
            catch (RpcException) when (clock.Elapsed < TimeSpan.FromSeconds(20))
            {
                // It was killed and is not there yet.
            }

            if (clock.Elapsed > TimeSpan.FromSeconds(60))
            {
                throw new TimeoutException($"{rules} rules never stood; there are {await Count(server)}.");
            }

            await Task.Delay(10);
        }
    }

    private static async Task<int> Count(GobgpApi.GobgpApiClient server)
    {
        using var call = server.ListPath(new ListPathRequest { Family = new Family { Afi = 1, Safi = 133 } });
        var count = 0;
        await foreach (var _ in call.ResponseStream.ReadAllAsync())
        {
            count++;
        }

        return count;
    }

    private static string TargetOf(int run) => $"{Blocks[run / 200].Split(".0/")[0]}.{1 + run % 200}/32";

    /// <summary>Whether it holds any of these.</summary>
    private static async Task<bool> Holds(GobgpApi.GobgpApiClient server, params string[] targets)
    {
        using var call = server.ListPath(new ListPathRequest
        {
            Family = new Family { Afi = 1, Safi = 1 },
            Prefixes = { targets.Select(target => new TableLookupPrefix { Prefix = target }) },
        });
        await foreach (var answer in call.ResponseStream.ReadAllAsync())
        {
            if (targets.Contains(answer.Destination.Prefix))
            {
                return true;
            }
        }

        return false;
    }

    private static ContractSigned Contract { get; } = new()
    {
        TenantId = Tenant,
        ContractId = Tenant,
        ServiceCode = "DP00000001",
        Service = "ddos",
        Prefixes = Blocks,
        DeclaredBitsPerSecond = 1_000_000_000,
        Version = 1,
        SignedAt = DateTimeOffset.UnixEpoch,
    };

    private static double Seconds(Stopwatch clock) => Math.Round(clock.Elapsed.TotalSeconds, 2);

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Stands for detection: what matters is that an append becomes a fact over the same store and relay.</summary>
internal abstract record BenchEvent;

internal sealed record BenchAnomalyDetected(Guid AnomalyId, string Target) : BenchEvent;

internal sealed record BenchState
{
    public static readonly StreamType<BenchState, BenchEvent> Stream = new("anomaly", new BenchState(), (current, _) => current);
}

internal sealed class BenchPublications : IPublications
{
    public object? Publish(RecordedEvent recorded) => recorded.Data is BenchAnomalyDetected e
        ? new AnomalyDetected
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = "DP00000001",
            ObjectId = recorded.TenantId.ToGuid(),
            AnomalyId = e.AnomalyId,
            Target = e.Target,
            Vectors = [],
            BitsPerSecond = 1,
            PacketsPerSecond = 1,
            Since = recorded.RecordedAt,
            DetectedAt = recorded.RecordedAt,
        }
        : null;
}
