using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>
/// One attack is one anomaly: what is over elsewhere, and is the same attack, belongs to the anomaly that is open, which widens to the block around it or to the whole
/// object. What has an anomaly is no part of what is judged together, until it ends.
/// </summary>
internal static class Widening
{
    /// <summary>
    /// The open anomaly that is the same attack: of a block, or of what a wider rule named, for the same traffic. Who was over by its own rule alone
    /// is attacked alone, and what is not the object's any more takes nothing in.
    /// </summary>
    public static TargetWatch? HomeOf(ObjectWatch on, TargetWatch target, long second, Verdict verdict) => on.Open
        .Where(open => open == on.Whole || on.Object.Holds(open.Target))
        .Where(open => open.Episode is { Home: null } episode && (open.Level is not WatchLevel.Host || episode.Hold is not null)
            && (episode.Has(verdict.Over) || Naming.IsSameTraffic(open, target, second, verdict)))
        .MinBy(open => open.Target.Value);

    /// <summary>What an anomaly widens to, so that it is about another target too: its own block where that is enough.</summary>
    public static TargetWatch Of(ObjectWatch on, TargetWatch home, TargetWatch other) =>
        home.Block is { IsCovered: false } block && (other == block || other.Block == block) ? block : on.Whole;

    /// <summary>An open anomaly widens to a target, which is a part of it until it ends.</summary>
    /// <param name="judged">What was over.</param>
    public static void Join(ObjectWatch on, TargetWatch joined, TargetWatch home, TargetWatch judged)
    {
        on.Seconds.Opens(joined, on.Lag.Seconds + (judged.Surge?.Span ?? 0));
        Join(on, joined, home, isSpread: joined != judged);
        Separate(on, joined);
        on.Seconds.TakeOutWhatOpened();
    }

    /// <param name="isSpread">Its own rules did not say so: its parts keep it open.</param>
    public static void Join(ObjectWatch on, TargetWatch joined, TargetWatch home, bool isSpread)
    {
        joined.Episode ??= new Episode();
        (joined.Episode.Home, joined.Episode.IsSpread) = (home, isSpread);
        home.Episode!.Joined.Add(joined);
        on.Open.Add(joined);
    }

    /// <summary>What has an anomaly of its own is taken out of what is judged together.</summary>
    public static void Separate(ObjectWatch on, TargetWatch named)
    {
        named.ForgetSurge();
        named.Block?.Remove(named);
        if (named.Level is not WatchLevel.Object && named.Block?.IsCovered != true)
        {
            on.Whole.Remove(named);
        }
    }

    /// <summary>What was carried on meanwhile was the anomaly, in its parts as well: they are not held to it afterwards.</summary>
    public static void Forget(ObjectWatch on, TargetWatch over)
    {
        over.ForgetSurge();
        foreach (var part in over == on.Whole ? on.Blocks.Values.Concat(on.Hosts.Values) : over.Hosts)
        {
            if (!part.IsCovered)
            {
                part.ForgetSurge();
            }
        }
    }

    /// <summary>What of a wider anomaly, that others than its own rules opened, is over keeps it open.</summary>
    public static bool KeepsOpen(TargetWatch wide, TargetWatch part) => wide.Episode!.IsSpread || part.Level is WatchLevel.Prefix;
}
