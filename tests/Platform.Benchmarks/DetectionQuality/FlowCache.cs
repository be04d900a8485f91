namespace Platform.Benchmarks.DetectionQuality;

/// <summary>
/// Takes what was reported: host, kind, who sent it, packets (scaled up), bytes per packet, and the second in which they came.
/// </summary>
internal delegate void Reported(int host, PacketKind kind, Origin source, double packets, double bytes, long second);

/// <summary>
/// What lies between a router's samples and the detector: flows stay in the router's cache for up to some seconds, and ingestion spreads each over the
/// seconds from its first to its last packet, in whole numbers. Half of the sampled packets are flows of their own, reported late with their own
/// second; the other half are packets of long flows that end at different times.
/// </summary>
/// <param name="timeout">Longest seconds that a flow stays; 0: every sample is sent at once (sFlow).</param>
/// <param name="sampling">Packets that one sampled packet stands for.</param>
internal sealed class FlowCache(int timeout, int sampling, Randomness random)
{
    private const int Reach = 10; // of ingestion: what lies further back is cut
    private readonly Dictionary<(int Host, PacketKind Kind, Origin Source, int Phase), Flow> _flows = [];
    private readonly List<(long Due, int Host, PacketKind Kind, Origin Source, double Packets, double Bytes, long Second)> _single = [];
    private long _second = long.MinValue;

    public int Timeout => timeout;

    public void Add(int host, PacketKind kind, Origin source, long sampled, double bytes, double at, Reported reported)
    {
        var second = (long)Math.Floor(at);
        if (timeout == 0)
        {
            reported(host, kind, source, (double)sampled * sampling, bytes, second);
            return;
        }

        var own = sampled == 1 ? random.Whole(0, 1) : sampled / 2;
        Divide(own, (phase, packets) => _single.Add((second + 1 + phase, host, kind, source, (double)packets * sampling, bytes, second)));
        Divide(sampled - own, (phase, packets) =>
        {
            var known = _flows.TryGetValue((host, kind, source, phase), out var flow);
            _flows[(host, kind, source, phase)] = known
                ? flow with { Last = second, Packets = flow.Packets + (packets * sampling), Bytes = flow.Bytes + (packets * sampling * bytes) }
                : new Flow(second, second, packets * sampling, packets * sampling * bytes);
        });
    }

    /// <summary>Reports what is due.</summary>
    public void Export(double at, Reported reported)
    {
        var second = (long)Math.Floor(at);
        if (timeout == 0 || second == _second)
        {
            return;
        }

        _second = second;
        Report(second, single => single.Due <= second, (phase, flow) => second % timeout == phase || second - flow.First >= timeout, reported);
    }

    /// <summary>Reports everything.</summary>
    public void Flush(double at, Reported reported) => Report((long)Math.Floor(at), _ => true, (_, _) => true, reported);

    public void Clear()
    {
        _flows.Clear();
        _single.Clear();
    }

    private void Report(
        long now, Predicate<(long Due, int Host, PacketKind Kind, Origin Source, double Packets, double Bytes, long Second)> isDue, Func<int, Flow, bool> isOver, Reported reported)
    {
        foreach (var single in _single)
        {
            if (isDue(single) && single.Second >= now - Reach)
            {
                reported(single.Host, single.Kind, single.Source, single.Packets, single.Bytes, single.Second);
            }
        }

        _single.RemoveAll(isDue);
        foreach (var ((host, kind, source, phase), flow) in _flows)
        {
            if (!isOver(phase, flow))
            {
                continue;
            }

            var parts = flow.Last - flow.First + 1;
            for (var part = 0L; part < parts; part++)
            {
                var packets = (flow.Packets * (part + 1) / parts) - (flow.Packets * part / parts);
                if (packets > 0 && flow.First + part >= now - Reach)
                {
                    reported(host, kind, source, packets, flow.Bytes / flow.Packets, flow.First + part);
                }
            }

            _flows.Remove((host, kind, source, phase)); // allowed while enumerating
        }
    }

    /// <summary>Many packets evenly, few by chance.</summary>
    private void Divide(long packets, Action<int, long> each)
    {
        var whole = packets / timeout;
        for (var phase = 0; phase < timeout && whole > 0; phase++)
        {
            each(phase, whole);
        }

        for (var left = packets % timeout; left > 0; left--)
        {
            each(random.Whole(0, timeout - 1), 1);
        }
    }

    private readonly record struct Flow(long First, long Last, long Packets, double Bytes);
}
