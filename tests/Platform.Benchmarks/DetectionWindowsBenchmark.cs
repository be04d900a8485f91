using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Benchmarks;

/// <summary>
/// What one judge does with windows as they come off the wire (parse, add up, judge), on one core, with 1,000,000 hosts in memory.
/// <c>bench detection-windows</c>
/// </summary>
internal static class DetectionWindowsBenchmark
{
    private const int Hosts = 1_000_000;
    private const int HostsPerObject = 1_000;
    private const int Seconds = 6;

    public static Task<object> Run(string[] arguments)
    {
        var start = TimeProvider.System.GetUtcNow();
        var objects = Enumerable.Range(0, Hosts / HostsPerObject).Select(AnObject).ToDictionary(watched => watched.ObjectId);
        var judge = new WindowJudge(
            id => objects.GetValueOrDefault(id), new WindowOptions { MaxHostsPerPartition = 2 * Hosts }, new AnomalyOptions(), _ => { }, new TelemetryPresence(TimeSpan.FromSeconds(3)));
        var cpu = TimeSpan.Zero;
        for (var second = 0; second < Seconds; second++)
        {
            foreach (var (id, number) in objects.Keys.Select((id, number) => (id, number)))
            {
                var wire = Batch(id, number, start.ToUnixTimeSeconds() + second, (ulong)second + 1);
                var before = Environment.CpuUsage.TotalTime;
                judge.Judge(TrafficWindowBatch.Parser.ParseFrom(wire), default, start.AddSeconds(second));
                cpu += Environment.CpuUsage.TotalTime - before;
            }
        }

        GC.Collect();
        using var self = Process.GetCurrentProcess();
        return Task.FromResult<object>(new Dictionary<string, object>
        {
            ["windows_per_cpu_s"] = Math.Round((double)Hosts * Seconds / cpu.TotalSeconds),
            ["hosts_1m_mb"] = Math.Round(self.PeakWorkingSet64 / 1e6),
            ["judge_hosts"] = judge.Hosts,
        });
    }

    /// <summary>In a process of its own, so that the memory is the judge's.</summary>
    public static async Task<Dictionary<string, double>> InItsOwnProcess()
    {
        using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["detection-windows"]) { RedirectStandardOutput = true })
            ?? throw new InvalidOperationException("The judge did not start.");
        var said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return JsonSerializer.Deserialize<Dictionary<string, double>>(said.TrimEnd().Split('\n')[^1])!
            .Where(figure => figure.Key != "judge_hosts").ToDictionary();
    }

    private static WatchedObject AnObject(int number) => new(
        Guid.Empty, Id(number), string.Create(CultureInfo.InvariantCulture, $"DP{number:D8}"), Threshold.DefaultsFor(1_000_000_000), IsRetired: false);

    private static Guid Id(int number) => new(number, 0, 0x7000, 0x80, 0, 0, 0, 0, 0, 0, 1);

    private static byte[] Batch(Guid id, int number, long second, ulong sequence)
    {
        var batch = new TrafficWindowBatch { ObjectId = id.ToString(), Source = "ingestion", Sequence = sequence, SamplingRate = 1 };
        for (var i = 0; i < HostsPerObject; i++)
        {
            var host = (number * HostsPerObject) + i;
            batch.Windows.Add(new HostWindow
            {
                Host = ByteString.CopyFrom(10, (byte)(host >> 16), (byte)(host >> 8), (byte)host),
                Second = second,
                Total = new Counters { Packets = 50, Bytes = 40_000, Flows = 5 },
                Vectors = { new VectorCounters { Vector = Vector.Udp, Counters = new Counters { Packets = 5, Bytes = 500, Flows = 1 } } },
            });
        }

        return batch.ToByteArray();
    }
}
