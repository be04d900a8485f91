using System.Diagnostics;
using System.Net;
using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Tests.Windows;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Testing;

namespace Platform.Detection.Tests;

/// <summary>No test: run it with <c>--explicit only</c> to see how long an append takes, and what a window costs.</summary>
public sealed class DetectionMeasurement(PostgresDatabase database, RabbitMqVirtualHost broker)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>
{
    private const int Warm = 5;
    private const int Runs = 100;

    [Fact(Explicit = true)]
    public async Task From_the_published_increment_to_the_appended_anomaly()
    {
        await using var service = await ADetectionService.Start(database, broker);
        var customer = Customer.New();
        await service.Host.Deliver(customer.Signed("203.0.113.0/24"), Customer.NewId());
        await service.Host.CatchUp();
        await Task.Delay(TimeSpan.FromSeconds(1));
        var session = service.Host.Store.Tenant(TenantId.Of(customer.TenantId));

        var milliseconds = new List<double>();
        for (var run = 0; run < Warm + Runs; run++)
        {
            var host = $"203.0.113.{run + 1}";
            var key = AnomalyState.KeyOf(customer.ContractId, IPNetwork.Parse($"{host}/32"));
            var since = Stopwatch.StartNew();
            await service.Send(customer, host, packets: 300_000);
            while ((await session.Load(AnomalyState.Stream, key, CancellationToken.None)).Version == 0)
            {
                await Task.Delay(1);
            }

            milliseconds.Add(since.Elapsed.TotalMilliseconds);
        }

        var sorted = milliseconds.Skip(Warm).Order().ToArray();
        Say($"anomaly readable after ms: median {sorted[Runs / 2]:0}, p95 {sorted[Runs * 95 / 100]:0}, max {sorted[^1]:0}, n {Runs}");
    }

    [Fact(Explicit = true)]
    public void Windows_per_second_and_memory_per_host()
    {
        const int hosts = 200_000;
        const int perBatch = 1_000;
        var batches = Enumerable.Range(0, hosts / perBatch).Select(batch => Batch(batch, perBatch)).ToArray();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var judge = new WindowJudge(_ => AJudge.Watched, new WindowOptions(), new AnomalyOptions(), _ => { });

        var since = Stopwatch.StartNew();
        const int seconds = 5;
        for (var second = 0; second < seconds; second++)
        {
            foreach (var batch in batches)
            {
                batch.Sequence++;
                foreach (var window in batch.Windows)
                {
                    window.Second = AJudge.Second(second);
                }

                judge.Judge(batch, default, AJudge.Noon);
            }
        }

        var elapsed = since.Elapsed;
        var bytes = GC.GetTotalMemory(forceFullCollection: true) - before;
        Say($"windows per second {hosts * seconds / elapsed.TotalSeconds:0}, bytes per host {bytes / hosts}, hosts {judge.Hosts}, batches {batches.Length}");
    }

    private static TrafficWindowBatch Batch(int number, int windows)
    {
        var batch = new TrafficWindowBatch { ObjectId = AJudge.ObjectId.ToString(), Source = $"ingestion-{number}" };
        for (var i = 0; i < windows; i++)
        {
            var host = (uint)((number * windows) + i);
            batch.Windows.Add(new HostWindow
            {
                Host = ByteString.CopyFrom(10, (byte)(host >> 16), (byte)(host >> 8), (byte)host),
                Total = new Counters { Packets = 10, Bytes = 1000 },
                Vectors = { new VectorCounters { Vector = Vector.Udp, Counters = new Counters { Packets = 5, Bytes = 500 } } },
            });
        }

        return batch;
    }

    private static void Say(string figures) => TestContext.Current.TestOutputHelper!.WriteLine(figures);
}
