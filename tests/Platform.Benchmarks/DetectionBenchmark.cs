using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Npgsql;
using Platform.Local;
using Platform.Testing;

namespace Platform.Benchmarks;

/// <summary>
/// How long after the first attack record on the wire the anomaly can be read from the event store: real programs (gateway, accounts, mitigation, ingestion,
/// detection), PostgreSQL and RabbitMQ on loopback, NetFlow v5 over a real socket beside ordinary traffic. Each run attacks a host of its own and
/// begins at a random moment of a second; times the object's threshold for UDP packets, as the gateway tells it. <c>carpet_x5</c> is spread over 16 hosts of a /24 that are each below what a host may have. Then windows per
/// CPU-second and memory of a judge, in a process of its own.
/// <c>bench detection [runs] [--seed N] [--only x2|x5|x20|carpet_x5]</c>
/// </summary>
internal static class DetectionBenchmark
{
    private const long DeclaredBitsPerSecond = 1_000_000_000;
    private const int CarpetHosts = 16;
    private const int WarmRuns = 5;

    private static readonly (string Name, double Factor, bool IsCarpet)[] Rounds =
        [("x2", 2, false), ("x5", 5, false), ("x20", 20, false), ("carpet_x5", 5, true)];

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static async Task<object> Run(string[] arguments)
    {
        var runs = arguments.Length > 0 && int.TryParse(arguments[0], CultureInfo.InvariantCulture, out var wanted) ? wanted : 50;
        var seed = Arguments.Number(arguments, "--seed", 1);
        var only = Arguments.Text(arguments, "--only");
        var figures = new Dictionary<string, object>();
        using var folder = new TemporaryFolder("bench-detection");
        await using (var stack = await LocalStack.Start(new()
        {
            Folder = folder.FullName,
            Services = new HashSet<string> { "accounts", "gateway", "ingestion", "detection", "mitigation" }, // a contract is admitted by mitigation
        }))
        {
            using var provider = new GatewayClient(stack.Gateway);
            await provider.SignIn(stack.FirstOperator.Email, stack.FirstOperator.Password);
            using var network = new ANetwork(stack.Ports["flows"]);
            await provider.RegisterExporter(ANetwork.Address, "router");
            var tenant = await provider.RegisterTenant("Customer");
            await provider.SignContract(tenant, DeclaredBitsPerSecond, "198.18.0.0/16");
            var objects = await Eventually.Get(() => provider.List($"protected-objects?tenantId={tenant}"), all => all.Count == 1, TimeSpan.FromSeconds(30));
            var (host, block) = (PacketsOf(objects[0].GetProperty("thresholds"), "host"), PacketsOf(objects[0].GetProperty("widerThresholds"), "prefix"));
            await using var events = NpgsqlDataSource.Create(
                new NpgsqlConnectionStringBuilder(stack.Postgres.ConnectionString) { Database = "detection" }.ConnectionString);
            await Task.Delay(TimeSpan.FromSeconds(2)); // ingestion and detection have read the object

            var random = new Random(seed);
            using var over = new CancellationTokenSource();
            var background = Task.Run(() => network.Ordinary(over.Token));
            for (var run = 0; run < WarmRuns; run++)
            {
                await Measure(network, events, 5 * host, isCarpet: false, random);
            }

            foreach (var (name, factor, isCarpet) in Rounds.Where(round => only is null || round.Name == only))
            {
                var seconds = new List<double>();
                for (var run = 0; run < runs; run++)
                {
                    seconds.Add(await Measure(network, events, factor * (isCarpet ? block : host), isCarpet, random));
                }

                seconds.Sort();
                figures[$"{name}_median_s"] = Math.Round(seconds[seconds.Count / 2], 3);
                figures[$"{name}_p99_s"] = Math.Round(seconds[Math.Min(seconds.Count - 1, (int)Math.Ceiling(seconds.Count * 0.99) - 1)], 3);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{name}: {seconds.Count} of {runs} found, median {seconds[seconds.Count / 2]:0.000} s, from {seconds[0]:0.000} to {seconds[^1]:0.000} s"));
            }

            await over.CancelAsync();
            await background;
        }

        foreach (var (name, value) in await DetectionWindowsBenchmark.InItsOwnProcess())
        {
            figures[name] = value;
        }

        return figures;
    }

    /// <summary>What the object may have of UDP at this level, packets per second.</summary>
    private static long PacketsOf(JsonElement thresholds, string level) => thresholds.EnumerateArray()
        .Single(threshold => threshold.GetProperty("vector").GetString() == "udp"
            && threshold.GetProperty("level").GetString() == level && threshold.GetProperty("direction").GetString() == "in")
        .GetProperty("packetsPerSecond").GetInt64();

    private static async Task<double> Measure(ANetwork network, NpgsqlDataSource events, double packetsPerSecond, bool isCarpet, Random random)
    {
        var (hosts, key) = isCarpet ? network.NextBlock() : network.NextVictim();
        await Task.Delay(random.Next(0, 1000));
        await using var connection = await events.OpenConnectionAsync();
        await using var seen = new NpgsqlCommand(
            "select exists (select from events.mt_events where type = 'anomaly_detected' and stream_id like $1)", connection)
        {
            Parameters = { new NpgsqlParameter { Value = $"%.{key}" } },
        };
        await seen.PrepareAsync();
        using var over = new CancellationTokenSource();
        var since = Stopwatch.StartNew();
        var attack = Task.Run(() => network.Flood(hosts, packetsPerSecond, since, over.Token));
        while (!(bool)(await seen.ExecuteScalarAsync())!)
        {
            if (since.Elapsed > Patience)
            {
                throw new TimeoutException($"An attack of {packetsPerSecond:0} packets/s was not found in {Patience.TotalSeconds} s.");
            }

            await Task.Delay(2);
        }

        var elapsed = since.Elapsed.TotalSeconds;
        await over.CancelAsync();
        await attack;
        return elapsed;
    }

    /// <summary>A router whose flows go through a real socket, one datagram per step.</summary>
    private sealed class ANetwork : IDisposable
    {
        private readonly Exporter _exporter;
        private readonly Exporter _ordinary;
        private int _victims;
        private const int FirstBlock = 99; // of carpets: ordinary hosts and single victims are in others
        private int _blocks = FirstBlock;

        public ANetwork(int port) => (_exporter, _ordinary) = (new Exporter(Address, port), new Exporter(Address, port));

        public const string Address = "127.0.1.77";

        /// <summary>In another /24 than those before it: nine hosts of one within seconds are an attack on it.</summary>
        public (string[] Hosts, string Key) NextVictim()
        {
            var (block, host) = (_victims % FirstBlock, 1 + (_victims++ / FirstBlock));
            return ([$"198.18.{block}.{host}"], $"C612{block:X2}{host:X2}.32");
        }

        public (string[] Hosts, string Key) NextBlock()
        {
            var number = ++_blocks;
            return ([.. Enumerable.Range(1, CarpetHosts).Select(host => $"198.18.{number}.{host}")], $"C612{number:X2}00.24");
        }

        public async Task Flood(string[] hosts, double packetsPerSecond, Stopwatch since, CancellationToken cancellation)
        {
            var sent = 0.0;
            since.Restart();
            while (!cancellation.IsCancellationRequested)
            {
                // What the router saw since its last datagram; the first one is a step's worth.
                var due = packetsPerSecond * (since.Elapsed + Step).TotalSeconds;
                foreach (var host in hosts)
                {
                    await _exporter.Report(host, (int)((due - sent) / hosts.Length), bytesPerPacket: 100, Step);
                }

                sent = due;
                await Task.Delay(Step, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        /// <summary>500 records a second to 200 hosts, 250 packets/s each.</summary>
        public async Task Ordinary(CancellationToken cancellation)
        {
            for (var i = 0; !cancellation.IsCancellationRequested; i++)
            {
                for (var record = 0; record < 5; record++)
                {
                    await _ordinary.Report($"198.18.200.{1 + (((i * 5) + record) % 200)}", 100, bytesPerPacket: 600, Step);
                }

                await Task.Delay(Step, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        public void Dispose()
        {
            _exporter.Dispose();
            _ordinary.Dispose();
        }
    }
}
