using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>A protected object as the engine needs it.</summary>
/// <param name="IsRetired">No longer watched; its windows are ignored.</param>
/// <param name="Prefixes">Null: not known, every block stands for itself.</param>
/// <param name="IsDefault">It has what no other object of its contract was given.</param>
/// <param name="IsShared">Its contract has other objects that are watched.</param>
/// <param name="Others">Prefixes of these others that are parts of its own, and not its.</param>
internal sealed record WatchedObject(
    Guid TenantId,
    Guid ObjectId,
    string ServiceCode,
    IReadOnlyList<Threshold> Thresholds,
    bool IsRetired,
    IReadOnlyList<NetworkKey>? Prefixes = null,
    ObjectSettings? Settings = null,
    bool IsDefault = true,
    bool IsShared = false,
    IReadOnlyList<NetworkKey>? Others = null)
{
    /// <summary>Which addresses are its own: another text where others are.</summary>
    public string Ground => GroundOf(Prefixes, Others ?? []);

    /// <summary>What it learns of: what was learned of another ground, or before what is forgotten, says nothing.</summary>
    public string LearningGround => Settings?.LearnsSince is { } since ? $"{Ground} since {since:u}" : Ground;

    /// <summary>The same of these prefixes, beside those of the other objects of its contract.</summary>
    public static string GroundOf(IReadOnlyList<NetworkKey>? prefixes, IEnumerable<NetworkKey> others) => $"{Text(prefixes)} - {Text(OthersIn(prefixes, others))}";

    /// <summary>Which prefixes of other objects are parts of its own.</summary>
    public static IReadOnlyList<NetworkKey> OthersIn(IReadOnlyList<NetworkKey>? prefixes, IEnumerable<NetworkKey> others) =>
        [.. others.Where(part => prefixes?.Any(prefix => prefix.Length < part.Length && prefix.Contains(part)) == true)];

    public LearningSettings Learning => Settings?.Learning ?? LearningSettings.Default;

    public bool WatchesOutgoing() => Thresholds.Any(threshold => threshold.Direction is TrafficDirection.Out);

    public HoursOfWeek Hours => HoursOfWeek.Find(Learning.Zone) ?? HoursOfWeek.Japan;

    /// <summary>What is held against a target of a level at an hour.</summary>
    /// <param name="level">Whose traffic.</param>
    /// <param name="direction">Which way; of what is sent nothing is learned.</param>
    /// <param name="hour">Of the week; below 0: not known yet, nothing is learned.</param>
    /// <param name="baseline">What was learned.</param>
    /// <param name="marked">Floors out of false anomalies that the target has at this hour.</param>
    /// <param name="grain">Packets that one sampled packet stands for; 0: not known.</param>
    /// <param name="lowShare">Share of what is set at which traffic is low again.</param>
    public LevelRules RulesAt(
        WatchLevel level, TrafficDirection direction, int hour, ObjectBaseline baseline, IReadOnlyList<Threshold> marked, long grain, double lowShare)
    {
        var learned = hour >= 0 && direction is TrafficDirection.In && Learning.Mode is LearningMode.Apply
            ? baseline.Compile(level, hour, Learning, Math.Max(1, grain), Settings?.DeclaredBitsPerSecond is > 0 and var declared ? declared : null).AboveIdle(Settings, level).AtLeast(Settings?.Floors ?? [], level)
            : LearnedLevel.Nothing;
        var hasProfile = Settings?.Profile is not null;
        return new LevelRules(
            Thresholds.Where(threshold => threshold.Level == level && threshold.Direction == direction)
                .Select(threshold => learned.AtLeast(marked, threshold, isGuess: hasProfile && !threshold.IsOwn)),
            learned.AtLeast(marked, level),
            lowShare,
            hasProfile ? grain : null);
    }

    /// <summary>The block that a host is judged with: its /24 or /48, or when that is narrower the object's own prefix, without what of it is another's.</summary>
    public NetworkKey BlockOf(NetworkKey host)
    {
        var (block, prefix) = (host.Block(), PrefixOf(host));
        return prefix.Length > block.Length && prefix != host ? prefix : block;
    }

    /// <summary>Whether all of it is the object's, so that an anomaly may name it.</summary>
    public bool Holds(NetworkKey part)
    {
        if (Prefixes is null or [])
        {
            return true;
        }

        if (Narrowest(part) is not { } own)
        {
            return false;
        }

        foreach (var other in Others ?? [])
        {
            if (part.Contains(other) || (other.Length > own.Length && other.Contains(part))) // of nested prefixes the narrowest counts
            {
                return false;
            }
        }

        return true;
    }

    private static string Text(IReadOnlyList<NetworkKey>? prefixes) =>
        string.Join(' ', (prefixes ?? []).Select(prefix => $"{prefix.ToNetwork()}").Order(StringComparer.Ordinal));

    /// <summary>The largest part of the object's narrowest prefix around it that has nothing of another object; itself when no prefix holds it.</summary>
    public NetworkKey PrefixOf(NetworkKey part)
    {
        if (Narrowest(part) is not { } largest)
        {
            return part;
        }

        foreach (var other in Others ?? [])
        {
            if (largest.Contains(other) && !other.Contains(part) && !part.Contains(other))
            {
                largest = part.Within(part.Covering(other).Length + 1);
            }
        }

        return largest;
    }

    private NetworkKey? Narrowest(NetworkKey part)
    {
        NetworkKey? narrowest = null;
        foreach (var prefix in Prefixes ?? [])
        {
            if (prefix.Contains(part) && (narrowest is not { } known || prefix.Length > known.Length))
            {
                narrowest = prefix;
            }
        }

        return narrowest;
    }
}
