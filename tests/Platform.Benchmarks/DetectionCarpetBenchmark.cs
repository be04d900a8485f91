using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;
using Platform.EventStore;

namespace Platform.Benchmarks;

/// <summary>
/// What a batch of 0.2 s costs a judge while many hosts of one object are attacked, beside the same batch on a calm day: whoever attacks chooses how many
/// addresses are known, and how many of them are over. Milliseconds of CPU, in the middle and at the worst.
/// <c>bench detection-carpet [--only PART_OF_A_NAME]</c>
/// </summary>
internal static class DetectionCarpetBenchmark
{
    private const int BatchesPerSecond = 5;
    private const int Lead = 50; // seconds until all hosts are known, and again until each is heard of
    private const int Calm = 8;
    private const int Attack = 12;
    private const long Declared = 1_000_000_000;
    private static readonly DateTimeOffset Monday = new(2026, 6, 1, 0, 0, 0, TimeSpan.FromHours(9));
    private static readonly Lazy<byte[]> Learned = new(Learn);

    private static readonly Scenario[] Scenarios =
    [
        new("v6_200_100", 200, 100),
        new("v6_10k_100", 10_000, 100),
        new("v6_50k_100", 50_000, 100),
        new("v6_50k_400", 50_000, 400),
        new("v6_250k_400", 250_000, 400),
        new("v6_250k_400_set", 250_000, 400, IsSet: true),
        new("v6_250k_1", 250_000, 1),
        new("v6_250k_in_turns", 250_000, 2, Turns: 40, Packets: 4_000), // the block is never over
        new("v6_250k_in_great_turns", 250_000, 2, Turns: 40),
        new("v6_250k_all", 250_000, 250_000, Every: 5),
        new("v6_32_250k_400", 250_000, 400, Prefix: "2001:db8::/32", Blocks: 256),
        new("v6_new_2600", 1_000, 0, New: 2_600),
        new("v6_new_2600_100", 1_000, 100, New: 2_600),
        new("v6_full_new_2600_100", 260_000, 100, New: 2_600), // more than there is room for
        new("v4_16_all", 65_536, 65_536, "10.1.0.0/16", Every: 1),
        new("v4_16_all_set", 65_536, 65_536, "10.1.0.0/16", Every: 1, IsSet: true),
        new("v4_16_7_of_each_24", 65_536, 7 * 256, "10.1.0.0/16", IsAcross: true),
        new("v4_16_1_of_each_24_set", 65_536, 256, "10.1.0.0/16", IsAcross: true, IsSet: true),
    ];

    public static Task<object> Run(string[] arguments)
    {
        var only = Arguments.Text(arguments, "--only");
        var figures = new Dictionary<string, object>();
        Play(Scenarios[1]); // the compiler has seen it by then
        foreach (var scenario in Scenarios.Where(one => only is null || one.Name.Contains(only, StringComparison.Ordinal)))
        {
            var (calm, attacked, opened) = Play(scenario);
            figures[scenario.Name] = new { calm_ms = Middle(calm), ms = Middle(attacked), worst_ms = attacked.Max(), opened };
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{scenario.Name,-24} calm {Middle(calm),6:0.0} ms, attacked {Middle(attacked),6:0.0} ms, at the worst {attacked.Max(),6:0.0} ms, {opened} anomalies"));
        }

        return Task.FromResult<object>(figures);

        static double Middle(List<double> of) => of.Order().ElementAt(of.Count / 2);
    }

    private static (List<double> Calm, List<double> Attacked, int Opened) Play(Scenario scenario)
    {
        var id = Guid.CreateVersion7(Monday);
        var watched = new WatchedObject(
            Guid.CreateVersion7(Monday), id, "DP00000001", scenario.IsSet ? [new(TrafficVector.Udp, null, 10_000)] : ThresholdProfiles.Of("web", Declared)!, IsRetired: false,
            [NetworkKey.Of(scenario.Network)], scenario.IsSet ? null : new ObjectSettings(Declared, "web"));
        var (options, found, streams, opened) = (new AnomalyOptions(), new Queue<Finding>(), new Dictionary<string, AnomalyState>(), 0);
        var judge = new WindowJudge(
            _ => watched, new WindowOptions(), options, found.Enqueue, new TelemetryPresence(options.TelemetryGap),
            scenario.IsSet ? null : _ => ObjectBaseline.Restore(Learned.Value, HoursOfWeek.Japan));
        var start = Monday.ToUnixTimeSeconds() + (8 * 86_400L) + (12 * 3_600);
        var (calm, during) = (new List<double>(), new List<double>());
        var (sequence, next) = (0UL, scenario.Known + 1);
        for (var second = 0; second < Lead + Calm + Attack; second++)
        {
            for (var part = 0; part < BatchesPerSecond; part++)
            {
                var batch = new TrafficWindowBatch { ObjectId = id.ToString(), Source = "ingestion", Sequence = ++sequence, SamplingRate = 1 };
                var (isAttack, number) = (second >= Lead + Calm, (second * BatchesPerSecond) + part);
                var attacked = new HashSet<int>();
                for (var i = 0; i < scenario.Over; i++)
                {
                    if (scenario.Every == 0 || (second >= Lead && i % (scenario.Every * BatchesPerSecond) == number % (scenario.Every * BatchesPerSecond)))
                    {
                        attacked.Add(scenario.Attacked(i, second));
                    }
                }

                foreach (var host in attacked)
                {
                    Put(batch, scenario, host, start + second, isAttack ? (ulong)scenario.Packets / (scenario.Every == 0 ? BatchesPerSecond : 1UL) : 1, Vector.Udp);
                }

                for (var host = number % (Lead * BatchesPerSecond); host < scenario.Known; host += Lead * BatchesPerSecond)
                {
                    if (!attacked.Contains(host))
                    {
                        Put(batch, scenario, host, start + second, 1, Vector.TcpAck);
                    }
                }

                for (var i = 0; i < (second < Lead ? 0 : scenario.New); i++)
                {
                    Put(batch, scenario, next++, start + second, 1, Vector.TcpAck);
                }

                var now = DateTimeOffset.FromUnixTimeSeconds(start + second).AddMilliseconds(200 * (part + 1));
                judge.Hear(now);
                var before = Environment.CpuUsage.TotalTime;
                judge.Judge(batch, default, now);
                var took = (Environment.CpuUsage.TotalTime - before).TotalMilliseconds;
                (second < Lead ? [] : isAttack ? during : calm).Add(took);
                judge.Tick(now);
                while (found.TryDequeue(out var finding))
                {
                    var state = streams.GetValueOrDefault(finding.Key, AnomalyState.Quiet);
                    foreach (var happened in ((Decision<AnomalyEvent>.Accepted)finding.Decide(state)).Events)
                    {
                        state = AnomalyState.Evolve(state, happened);
                        opened += happened is AnomalyDetected ? 1 : 0;
                    }

                    streams[finding.Key] = state;
                    finding.Judge.Adopt(finding, state);
                }
            }
        }

        return (calm, during, opened);
    }

    private static void Put(TrafficWindowBatch batch, Scenario scenario, int host, long second, ulong packets, Vector vector)
    {
        var counters = new Counters { Packets = packets, Bytes = packets * 100 };
        batch.Windows.Add(new HostWindow
        {
            Host = scenario.Address(host),
            Second = second,
            Total = counters,
            Vectors = { new VectorCounters { Vector = vector, Counters = counters } },
        });
    }

    /// <summary>Eight days of a web service, 100 Mbit/s in its busiest hour.</summary>
    private static byte[] Learn()
    {
        var baseline = new ObjectBaseline(HoursOfWeek.Japan);
        var (start, random) = (Monday.ToUnixTimeSeconds(), new Random(1));
        for (var second = start; second < start + (8 * 86_400L); second += 5)
        {
            var level = (0.4 + (0.6 * (0.5 + (0.5 * Math.Cos((((second + (9 * 3_600)) % 86_400 / 3_600.0) - 20) / 12 * Math.PI))))) * Math.Exp(0.05 * (random.NextDouble() - 0.5));
            var traffic = SecondTraffic.Of(
                Of(99, 24_080), (TrafficVector.TcpAck, Of(84, 20_000)), (TrafficVector.TcpSyn, Of(0.5, 1_000)), (TrafficVector.Udp, Of(14.5, 3_000)), (TrafficVector.Icmp, Of(0.05, 80)));
            var host = SecondTraffic.Of(
                Of(9.9, 2_408), (TrafficVector.TcpAck, Of(8.4, 2_000)), (TrafficVector.TcpSyn, Of(0.05, 100)), (TrafficVector.Udp, Of(1.45, 300)), (TrafficVector.Icmp, Of(0.005, 8)));
            baseline.Observe(second, traffic, host, traffic);
            baseline.Observe(second + 1, traffic, host, traffic);

            Amount Of(double megabits, double packets) => new((long)(megabits * 1e6 * level), (long)(packets * level));
        }

        return baseline.Snapshot();
    }

    /// <param name="Known">Addresses that are heard of.</param>
    /// <param name="Over">Of them attacked.</param>
    /// <param name="Prefix">Of the object.</param>
    /// <param name="Blocks">Of it that they are in.</param>
    /// <param name="Every">So many seconds after each other an attacked host's windows come; 0: with each batch.</param>
    /// <param name="Turns">So often others are attacked, a second each.</param>
    /// <param name="Packets">A second, to each that is attacked.</param>
    /// <param name="New">Addresses that were never heard of, with each batch.</param>
    /// <param name="IsAcross">One of each block is attacked, then the next of each.</param>
    /// <param name="IsSet">A threshold is set, and nothing was learned.</param>
    private sealed record Scenario(
        string Name,
        int Known,
        int Over,
        string Prefix = "2001:db8:1::/48",
        int Blocks = 1,
        int Every = 0,
        int Turns = 1,
        int Packets = 20_000,
        int New = 0,
        bool IsAcross = false,
        bool IsSet = false)
    {
        public IPNetwork Network { get; } = IPNetwork.Parse(Prefix);

        public int Attacked(int number, int second) => IsAcross ? (number % 256 * 256) + (number / 256) : (second % Turns * Over) + number;

        public ByteString Address(int host)
        {
            var bytes = Network.BaseAddress.GetAddressBytes();
            if (bytes.Length == 4)
            {
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)host);
            }
            else
            {
                bytes[5] += (byte)(host % Blocks);
                BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(12), host);
            }

            return ByteString.CopyFrom(bytes);
        }
    }
}
