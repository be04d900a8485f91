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
    public string Ground => $"{Text(Prefixes)} - {Text(Others)}";

    public LearningSettings Learning => Settings?.Learning ?? LearningSettings.Default;

    public bool WatchesOutgoing() => Thresholds.Any(threshold => threshold.Direction is TrafficDirection.Out);

    public HoursOfWeek Hours => HoursOfWeek.Find(Learning.Zone) ?? HoursOfWeek.Japan;

    /// <summary>The block that a host is judged with: its /24 or /48, or the object's own prefix when that is narrower.</summary>
    public NetworkKey BlockOf(NetworkKey host)
    {
        var (block, prefix) = (host.Block(), PrefixOf(host));
        return prefix.Length > block.Length && prefix != host ? prefix : block;
    }

    /// <summary>Whether all of it is the object's, so that an anomaly may name it.</summary>
    public bool Holds(NetworkKey part) => Prefixes is null or [] || Prefixes.Any(prefix => prefix.Contains(part));

    private static string Text(IReadOnlyList<NetworkKey>? prefixes) =>
        string.Join(' ', (prefixes ?? []).Select(prefix => $"{prefix.ToNetwork()}").Order(StringComparer.Ordinal));

    /// <summary>The narrowest prefix of the object that holds it; itself when none does.</summary>
    public NetworkKey PrefixOf(NetworkKey part)
    {
        var narrowest = part;
        var length = -1;
        foreach (var prefix in Prefixes ?? [])
        {
            if (prefix.Length > length && prefix.Contains(part))
            {
                (narrowest, length) = (prefix, prefix.Length);
            }
        }

        return narrowest;
    }
}
