using System.Net;
using Google.Protobuf;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Bandwidth;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;
using Platform.EventStore;

namespace Platform.Detection.Tests.Windows;

/// <summary>A judge with one object that is watched, and streams in memory in place of the recorder: what it finds is decided at once.</summary>
internal sealed class AJudge
{
    public static readonly Guid ObjectId = Guid.Parse("0190bbbb-0000-7000-8000-000000000001");
    public static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static readonly WatchedObject Watched = new(
        Guid.Parse("0190cccc-0000-7000-8000-000000000001"),
        ObjectId,
        "DP00000001",
        [new Threshold(TrafficVector.Total, null, 1_000), new Threshold(TrafficVector.Udp, null, 500)],
        IsRetired: false);

    public static readonly AnomalyOptions Quick = new()
    {
        QuietFor = TimeSpan.FromSeconds(5),
        LongestPause = TimeSpan.FromSeconds(20),
        TelemetryGap = TimeSpan.FromSeconds(1),
        MissingFor = TimeSpan.FromMinutes(1),
    };

    private readonly Dictionary<string, AnomalyState> _streams = [];
    private readonly Queue<Finding> _findings = [];
    private readonly Dictionary<Guid, Pulse> _pulses = [];
    private readonly Func<WindowJudge> _begin;
    private ulong _sequence;
    private bool _wasTold = true;

    /// <param name="anomalies">When an anomaly is over; null: <see cref="Quick"/>.</param>
    public AJudge(
        WindowOptions? windows = null,
        Func<Guid, WatchedObject?>? find = null,
        Func<WatchedObject, ObjectBaseline>? remember = null,
        AnomalyOptions? anomalies = null)
    {
        anomalies ??= Quick;
        _begin = () => new WindowJudge(
            find ?? (id => id == ObjectId ? Watched : null), windows ?? new WindowOptions(), anomalies, _findings.Enqueue, new(anomalies.TelemetryGap), remember, Used.Add);
        Judge = _begin();
    }

    public WindowJudge Judge { get; private set; }

    public DateTimeOffset Now { get; private set; } = Noon;

    /// <summary>Of the routers; 0: ingestion does not say.</summary>
    public uint SamplingRate { get; init; } = 1;

    /// <summary>What the streams have recorded, all targets together.</summary>
    public List<AnomalyEvent> Recorded { get; } = [];

    /// <summary>What the judge found although it had to know that an anomaly of that target is open, or being opened: the streams would not show it.</summary>
    public List<Finding> FoundTwice { get; } = [];

    /// <summary>News about declared bandwidth.</summary>
    public List<Use> Used { get; } = [];

    /// <summary>Bytes that judging of batches with several hosts has allocated: what it costs, on whatever machine.</summary>
    public long Allocated { get; private set; }

    public IEnumerable<AnomalyState> Streams => _streams.Values;

    /// <summary>What an operator would judge by, of the only anomaly.</summary>
    public KnownAnomaly Known() => KnownAnomaly.Stream(Assert.Single(Recorded.OfType<AnomalyDetected>()).Subject.AnomalyId).Fold(Recorded);

    public static long Second(int offset = 0) => Noon.ToUnixTimeSeconds() + offset;

    /// <summary>Another process takes over: memory is gone, the streams stand.</summary>
    /// <param name="isTold">What is open, as far as the views have it; the database may be away.</param>
    public void Restart(bool isTold = true)
    {
        _wasTold &= isTold;
        foreach (var pulse in Judge.Pulses())
        {
            _pulses[pulse.AnomalyId] = pulse;
        }

        Judge = _begin();
        if (isTold)
        {
            Judge.Resume(_streams.Values.Where(state => state.Open is not null).Select(Told));
        }
    }

    private OpenAnomaly Told(AnomalyState state) => _pulses.GetValueOrDefault(state.Open!.AnomalyId) is { } pulse
        ? new(Watched.TenantId, state, pulse.Beat, pulse.Until, pulse.PeakBitsPerSecond, pulse.PeakPacketsPerSecond, null, pulse.QuietFor, pulse.Memory)
        : new(Watched.TenantId, state, 0, state.DetectedAt, state.PeakBitsPerSecond, state.PeakPacketsPerSecond, null, default, null);

    public void Receive(
        long second, long packets, long udpPackets = 0, string host = "203.0.113.10", ulong? sequence = null, bool settle = true, params TrafficSketch[] sketches)
    {
        var batch = new TrafficWindowBatch
        {
            ObjectId = ObjectId.ToString(),
            TenantId = Watched.TenantId.ToString(),
            Source = "ingestion-1",
            Sequence = sequence ?? ++_sequence,
            SamplingRate = SamplingRate,
            Windows =
            {
                new HostWindow
                {
                    Host = ByteString.CopyFrom(IPAddress.Parse(host).GetAddressBytes()),
                    Second = second,
                    Total = new Counters { Packets = (ulong)packets, Bytes = (ulong)packets * 100 },
                    Vectors =
                    {
                        new VectorCounters
                        {
                            Vector = Vector.Udp,
                            Counters = new Counters { Packets = (ulong)udpPackets, Bytes = (ulong)udpPackets * 100 },
                        },
                    },
                },
            },
        };
        batch.Sketches.AddRange(sketches);
        Judge.Judge(batch, default, Now);
        if (settle)
        {
            Settle();
        }
    }

    /// <summary>One batch with what several hosts had in a second, in this order.</summary>
    /// <param name="second">The second.</param>
    /// <param name="had">Who had how much.</param>
    /// <param name="vector">All of it is of this one; null: of none.</param>
    public void ReceiveTogether(long second, IEnumerable<(string Host, long Packets)> had, Vector? vector = null) =>
        ReceiveTogether(second, had.Select(one => (one.Host, one.Packets, vector)));

    /// <summary>The same, each of a vector.</summary>
    public void ReceiveTogether(long second, IEnumerable<(string Host, long Packets, Vector? Vector)> had)
    {
        var batch = new TrafficWindowBatch { ObjectId = ObjectId.ToString(), Source = "ingestion-1", Sequence = ++_sequence, SamplingRate = SamplingRate };
        foreach (var one in had)
        {
            var counters = new Counters { Packets = (ulong)one.Packets, Bytes = (ulong)one.Packets * 100 };
            var window = new HostWindow { Host = ByteString.CopyFrom(IPAddress.Parse(one.Host).GetAddressBytes()), Second = second, Total = counters };
            if (one.Vector is { } vector)
            {
                window.Vectors.Add(new VectorCounters { Vector = vector, Counters = counters });
            }

            batch.Windows.Add(window);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        Judge.Judge(batch, default, Now);
        Allocated += GC.GetAllocatedBytesForCurrentThread() - before;
        Settle();
    }

    /// <summary>What a host sent.</summary>
    public void Sends(long second, long packets, string host)
    {
        var batch = new TrafficWindowBatch { ObjectId = ObjectId.ToString(), Source = "ingestion-1", Sequence = ++_sequence };
        batch.Outgoing.Add(new HostWindow
        {
            Host = ByteString.CopyFrom(IPAddress.Parse(host).GetAddressBytes()),
            Second = second,
            Total = new Counters { Packets = (ulong)packets, Bytes = (ulong)packets * 100 },
        });
        Judge.Judge(batch, default, Now);
        Settle();
    }

    public void Advance(TimeSpan by, bool isTelemetryThere = true)
    {
        var target = Now + by;
        while (Now < target)
        {
            Now += TimeSpan.FromMilliseconds(200);
            if (isTelemetryThere)
            {
                Judge.Hear(Now);
            }

            Judge.Tick(Now);
            Settle();
        }
    }

    /// <summary>Lets the recorder do its part.</summary>
    public void Settle()
    {
        FoundTwice.AddRange(_findings.GroupBy(finding => finding.Watch).SelectMany(same => same.Skip(1)));
        while (_findings.TryDequeue(out var finding))
        {
            var key = finding.Key;
            var state = _streams.GetValueOrDefault(key, AnomalyState.Quiet);
            if (_wasTold && state.Open is not null && finding.Watch.Episode is { State.Open: null })
            {
                FoundTwice.Add(finding);
            }

            var events = ((Decision<AnomalyEvent>.Accepted)finding.Decide(state)).Events;
            Recorded.AddRange(events);
            _streams[key] = events.Aggregate(state, AnomalyState.Evolve);
            finding.Judge.Adopt(finding, _streams[key]);
        }
    }
}
