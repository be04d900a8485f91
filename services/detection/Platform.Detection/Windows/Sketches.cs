using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;

namespace Platform.Detection.Windows;

/// <summary>What sketches tell of one target: what its traffic is made of, and who sends it.</summary>
internal sealed class Sketches
{
    private const int Kept = 3; // seconds: what it is made of now, not what it was
    private readonly List<TrafficSketch> _last = [];
    private readonly List<TrafficSketch> _waiting = []; // of seconds of the surge that are not over yet
    private Senders? _surge;
    private (Senders? Senders, long Second) _now; // until the next sketch or second
    private (long Number, Served Served, Amount Of) _batch; // the newest

    /// <param name="sketch">What some of its traffic is made of.</param>
    /// <param name="batch">With which windows it came.</param>
    /// <param name="newest">The target's newest second.</param>
    /// <param name="isSurge">It has more than usual: who sends that is told by all sketches since it began.</param>
    public void Add(TrafficSketch sketch, long batch, long newest, bool isSurge)
    {
        var (served, of) = _batch.Number == batch ? (_batch.Served, _batch.Of) : default;
        var total = sketch.Total ?? new Counters();
        _batch = (batch, served + Served.In(sketch), of + new Amount((long)total.Bytes * 8, (long)total.Packets));
        _last.RemoveAll(old => old.Second <= sketch.Second - Kept);
        _last.Add(sketch);
        _now = default;
        if (!isSurge)
        {
            _surge = null;
            _waiting.Clear();
        }
        else if (_surge is null)
        {
            _surge = Read(newest);
            _waiting.AddRange(Fresh(newest));
        }
        else
        {
            _surge.Add(sketch);
            _waiting.Add(sketch);
        }
    }

    /// <summary>What of some of a batch's traffic came from ports of services; null where the batch has no sketches.</summary>
    public Served? ServedOf(Amount amount, long batch) => _batch.Number == batch ? _batch.Served.Part(_batch.Of, amount) : null;

    /// <summary>What the last seconds are made of.</summary>
    public Evidence Evidence(long newest) => SketchReading.Read([.. Fresh(newest)]);

    /// <summary>Who sends in the last seconds. It is asked for each increment of what is over.</summary>
    public Senders Now(long newest)
    {
        if (_now.Senders is null || _now.Second != newest)
        {
            _now = (Read(newest), newest);
        }

        return _now.Senders;
    }

    /// <summary>Who sends what is beyond the learned rates, since it began.</summary>
    public Senders Surge(long newest) => _surge ?? Now(newest);

    /// <summary>A second has closed. One that had no more than usual is none of the surge's seconds: who sent in it is nobody who sends what is beyond.</summary>
    public void Close(long second, bool isOver)
    {
        foreach (var sketch in isOver ? [] : _waiting.Where(sketch => sketch.Second == second))
        {
            _surge?.Remove(sketch);
        }

        _waiting.RemoveAll(sketch => sketch.Second <= second);
    }

    /// <summary>What the surge began with says half as much; what it still waits for is none of that.</summary>
    public void Fade()
    {
        _waiting.ForEach(sketch => _surge?.Remove(sketch));
        _surge?.Halve();
        _waiting.ForEach(sketch => _surge?.Add(sketch));
    }

    private Senders Read(long newest)
    {
        var senders = new Senders();
        foreach (var sketch in Fresh(newest))
        {
            senders.Add(sketch);
        }

        return senders;
    }

    private IEnumerable<TrafficSketch> Fresh(long newest) => _last.Where(sketch => sketch.Second + Kept > newest);
}
