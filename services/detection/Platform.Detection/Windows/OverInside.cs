using Platform.Detection.Anomalies;

namespace Platform.Detection.Windows;

/// <summary>A target that is over in a batch, and has no anomaly.</summary>
/// <param name="Late">What it had in that second, when it came too late to be kept.</param>
/// <param name="Verdict">What is over.</param>
internal sealed record Over(TargetWatch Target, long Second, SecondTraffic? Late, Verdict Verdict);

/// <summary>What of one second of a batch belongs to a wider anomaly: of each vector whoever is furthest over.</summary>
internal sealed class OverInside
{
    private readonly List<VectorMeasurement> _over = [];
    private readonly List<VectorMeasurement> _most = [];
    private string _rule = "";
    private double _furthest;

    /// <summary>Of each vector that is over the most.</summary>
    public IReadOnlyList<VectorMeasurement> Most => _most;

    /// <summary>The wider anomaly is still high for it.</summary>
    public bool KeepsOpen { get; private set; }

    /// <summary>Who is furthest over.</summary>
    public TargetWatch Largest { get; private set; } = null!;

    public void Add(TargetWatch target, Verdict verdict, bool keepsOpen)
    {
        KeepsOpen |= keepsOpen;
        foreach (var over in verdict.Over)
        {
            var (excess, at) = (over.Excess(), _over.FindIndex(known => known.Vector == over.Vector));
            if (Largest is null || excess > _furthest)
            {
                (_furthest, Largest, _rule) = (excess, target, verdict.Rule);
            }

            if (at < 0)
            {
                _over.Add(over);
                _most.Add(over);
                continue;
            }

            _over[at] = excess > _over[at].Excess() ? over : _over[at];
            _most[at] = _most[at].With(over);
        }
    }

    /// <summary>All of it together.</summary>
    public Verdict Verdict() => new([.. _over.OrderByDescending(over => over.Excess()).ThenBy(over => over.Vector)], _rule, IsAtOnce: true);
}
