using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>Who is over in a batch.</summary>
internal sealed class OverTogether
{
    private readonly ObjectWatch _on;
    private readonly HashSet<TargetWatch> _targets;
    private readonly Dictionary<(TargetWatch Block, long Second, TrafficVector Vector), bool> _many = []; // it is the same for all of a block's hosts
    private readonly Dictionary<TargetWatch, int> _hosts; // of blocks: over now, or with an anomaly since before

    public OverTogether(ObjectWatch on, IEnumerable<TargetWatch> targets)
    {
        _on = on;
        _targets = [.. targets];
        _hosts = _targets.Where(target => target.Block is not null).GroupBy(host => host.Block!)
            .ToDictionary(block => block.Key, block => block.Key.CoveredHosts + block.Count(host => !host.IsCovered));
    }

    public bool Has(TargetWatch target) => _targets.Contains(target);

    /// <summary>More of its hosts are over than have anomalies of their own.</summary>
    public bool AreManyOver(TargetWatch block) => _hosts.GetValueOrDefault(block) > Naming.SpreadHosts;

    /// <summary>
    /// Whether a host that is over in this batch is one of many, and its block may be over in a moment. What is set or guessed for hosts is over at once: who waits is
    /// told late, and of attacks one after the other each would look like one of many.
    /// </summary>
    public bool MayWait(TargetWatch host, long second, Verdict verdict)
    {
        if (verdict.Rule != RuleName.Learned || host.Block is not { } block)
        {
            return false;
        }

        var key = (block, second, verdict.Over[0].Vector);
        if (!_many.TryGetValue(key, out var areMany))
        {
            _many.Add(key, areMany = Naming.AreMany(_on, block, second, key.Vector));
        }

        return areMany;
    }

    /// <summary>Blocks that are over, or so many of whose hosts are.</summary>
    public IEnumerable<TargetWatch> Blocks() => _targets.Where(target => target.Level is WatchLevel.Prefix).Union(_hosts.Keys.Where(AreManyOver));
}
