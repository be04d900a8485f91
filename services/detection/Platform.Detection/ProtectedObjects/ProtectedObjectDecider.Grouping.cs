using System.Net;
using Platform.EventStore;
using static Platform.Detection.ProtectedObjects.ProtectedObjectRejections;

namespace Platform.Detection.ProtectedObjects;

/// <summary>These prefixes of a contract are watched under a name of their own from now on.</summary>
/// <param name="ObjectId">Identity of the new object.</param>
/// <param name="Name">Unique in the contract.</param>
/// <param name="Prefixes">The contract's, or parts of them.</param>
/// <param name="Profile">Thresholds to begin with.</param>
internal sealed record AddObject(
    Guid ObjectId, string Name, IReadOnlyList<IPNetwork> Prefixes, string Profile, string By, string Reason, DateTimeOffset At);

/// <summary>The object has this name and these prefixes from now on; what it no longer has is the object <c>default</c>'s again.</summary>
internal sealed record ChangeGrouping(
    Guid ObjectId, string Name, IReadOnlyList<IPNetwork> Prefixes, long? ExpectedVersion, string By, string Reason, DateTimeOffset At);

/// <summary>The object is no longer watched; its prefixes are the object <c>default</c>'s again.</summary>
internal sealed record RemoveObject(Guid ObjectId, long? ExpectedVersion, string By, string Reason, DateTimeOffset At);

/// <summary>The rules of grouping: every prefix of the contract is in one object, and in <c>default</c> when nobody named it.</summary>
internal static partial class ProtectedObjectDecider
{
    public const int MostObjects = 100;
    private const int MostPrefixes = 256;
    private const int LongestName = 60;

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, AddObject command)
    {
        if (!IsReason(command.Reason))
        {
            return ReasonInvalid;
        }

        if (current.DefaultId is not { } defaultId)
        {
            return ContractUnknown;
        }

        if (current.IsRetired)
        {
            return Retired(defaultId);
        }

        var declared = current.Objects[defaultId].SettingsOrDefault.DeclaredBitsPerSecond;
        if (ThresholdProfiles.Of(command.Profile, declared) is not { } thresholds)
        {
            return ProfileUnknown(command.Profile);
        }

        var added = new ObjectContent(
            command.ObjectId,
            current.ServiceCode!,
            command.Name.Trim(),
            command.Prefixes,
            thresholds,
            Version: 1,
            new ObjectSettings(declared, command.Profile));
        if (Find(current, added.Name) is { } same && same.Prefixes.ToHashSet().SetEquals(added.Prefixes))
        {
            return Decision<ProtectedObjectEvent>.Unchanged;
        }

        if (Fault(current, added) is { } refusal)
        {
            return refusal;
        }

        if (current.Named.Count() >= MostObjects)
        {
            return TooManyObjects(MostObjects);
        }

        var change = new SettingsChange(command.By, command.Reason, Difference.Between(null, added));
        return Regrouped(
            current,
            added,
            new ProtectedObjectAdded(added, current.ContractVersion, command.At, change),
            (command.By, command.Reason, command.At));
    }

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, ChangeGrouping command) => Change(
        current,
        command.ObjectId,
        command.ExpectedVersion,
        content => content.ObjectId == current.DefaultId
            ? DefaultStays
            : content with { Name = command.Name.Trim(), Prefixes = command.Prefixes },
        (SettingsChangeKind.Grouped, command.By, command.Reason, command.At));

    public static Decision<ProtectedObjectEvent> Decide(ProtectedObjectState current, RemoveObject command)
    {
        if (!IsReason(command.Reason))
        {
            return ReasonInvalid;
        }

        if (!current.Objects.TryGetValue(command.ObjectId, out var content))
        {
            return Unknown(command.ObjectId);
        }

        if (command.ObjectId == current.DefaultId)
        {
            return DefaultStays;
        }

        if (current.Retired.Contains(command.ObjectId))
        {
            return Decision<ProtectedObjectEvent>.Unchanged;
        }

        if (command.ExpectedVersion is { } expected && expected != content.Version)
        {
            return ChangedMeanwhile(expected, content.Version);
        }

        // Its last version says who, why and what it gave back.
        var empty = content with { Prefixes = [], Version = content.Version + 1 };
        var last = new ThresholdsChanged(
            empty, command.At, SettingsChangeKind.Grouped, new SettingsChange(command.By, command.Reason, Difference.Between(content, empty)));
        ProtectedObjectEvent[] happened =
        [
            .. Regrouped(current, empty, last, (command.By, command.Reason, command.At)),
            new ProtectedObjectRetired(command.ObjectId, content.ServiceCode, command.At),
        ];
        return happened;
    }

    /// <summary>
    /// What happened to one object, and what follows for the object <c>default</c>. Whoever gains comes first: better a moment in two objects than
    /// one in none.
    /// </summary>
    private static ProtectedObjectEvent[] Regrouped(
        ProtectedObjectState current, ObjectContent after, ProtectedObjectEvent happened, (string By, string Reason, DateTimeOffset At) note)
    {
        var rest = current.Objects[current.DefaultId!.Value];
        if (after.ObjectId == rest.ObjectId)
        {
            return [happened];
        }

        var left = Rest(current.ContractPrefixes, current.Named.Where(named => named.ObjectId != after.ObjectId).Append(after));
        if (left.ToHashSet().SetEquals(rest.Prefixes))
        {
            return [happened];
        }

        var followed = rest with { Prefixes = left, Version = rest.Version + 1 };
        var follows = new ThresholdsChanged(
            followed, note.At, SettingsChangeKind.Grouped, new SettingsChange(note.By, note.Reason, Difference.Between(rest, followed)));
        return left.Count > rest.Prefixes.Count ? [follows, happened] : [happened, follows];
    }

    /// <summary>What of the contract's prefixes no object was given.</summary>
    private static IReadOnlyList<IPNetwork> Rest(IReadOnlyList<IPNetwork> contract, IEnumerable<ObjectContent> named) =>
        [.. contract.Except(named.SelectMany(content => content.Prefixes))];

    /// <summary>The object that the tenant gave this name; null when there is none.</summary>
    public static ObjectContent? Find(ProtectedObjectState current, string name) =>
        current.Named.FirstOrDefault(content => string.Equals(content.Name, name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Why an object cannot have this name and these prefixes; null when it can.</summary>
    private static Rejection? Fault(ProtectedObjectState current, ObjectContent wanted)
    {
        if (wanted.Name.Length is 0 or > LongestName || wanted.Name.Any(char.IsControl))
        {
            return NameInvalid(LongestName);
        }

        if (string.Equals(wanted.Name, DefaultName, StringComparison.OrdinalIgnoreCase)
            || (Find(current, wanted.Name) is { } same && same.ObjectId != wanted.ObjectId))
        {
            return NameTaken(wanted.Name);
        }

        if (wanted.Prefixes.Count is 0 or > MostPrefixes || wanted.Prefixes.Distinct().Count() != wanted.Prefixes.Count)
        {
            return PrefixCountInvalid(MostPrefixes);
        }

        if (wanted.Prefixes.Where(prefix => !IsWithin(prefix, current.ContractPrefixes)).Select(prefix => (IPNetwork?)prefix).FirstOrDefault() is { } outside)
        {
            return PrefixOutside(outside);
        }

        foreach (var other in current.Named.Where(named => named.ObjectId != wanted.ObjectId))
        {
            foreach (var shared in other.Prefixes.Intersect(wanted.Prefixes))
            {
                return PrefixGrouped(shared, other.Name);
            }
        }

        return null;
    }

    private static bool IsWithin(IPNetwork prefix, IReadOnlyList<IPNetwork> contract) => contract.Any(whole =>
        whole.BaseAddress.AddressFamily == prefix.BaseAddress.AddressFamily
        && whole.PrefixLength <= prefix.PrefixLength
        && whole.Contains(prefix.BaseAddress));
}
