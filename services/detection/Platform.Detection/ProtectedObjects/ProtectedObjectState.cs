using System.Collections.Immutable;
using System.Diagnostics;
using System.Net;
using Platform.EventStore;

namespace Platform.Detection.ProtectedObjects;

/// <summary>
/// What the rules need to remember about the protected objects of one contract: together, because each of its prefixes belongs to one of them.
/// </summary>
/// <param name="ServiceCode">The contract; null before the first event.</param>
/// <param name="ContractVersion">Newest version of the contract that was followed.</param>
/// <param name="IsRetired">The contract ended. Final.</param>
internal sealed record ProtectedObjectState(string? ServiceCode, long ContractVersion, bool IsRetired)
{
    /// <summary>The object that has what no other one was given; null until the contract is watched.</summary>
    public Guid? DefaultId { get; init; }

    public IReadOnlyList<IPNetwork> ContractPrefixes { get; init; } = [];

    /// <summary>Every object that there was, in its newest version.</summary>
    public ImmutableDictionary<Guid, ObjectContent> Objects { get; init; } = ImmutableDictionary<Guid, ObjectContent>.Empty;

    /// <summary>Those that are no longer watched. Final.</summary>
    public ImmutableHashSet<Guid> Retired { get; init; } = [];

    /// <summary>Every version of every object, the newest included.</summary>
    public ImmutableDictionary<(Guid ObjectId, long Version), ObjectContent> Versions { get; init; } =
        ImmutableDictionary<(Guid ObjectId, long Version), ObjectContent>.Empty;

    /// <summary>The objects that the tenant named and that are watched, oldest first.</summary>
    public IEnumerable<ObjectContent> Named => Objects.Values
        .Where(content => content.ObjectId != DefaultId && !Retired.Contains(content.ObjectId))
        .OrderBy(content => content.ObjectId);

    public static readonly StreamType<ProtectedObjectState, ProtectedObjectEvent> Stream =
        new("protected-object", new ProtectedObjectState(null, 0, IsRetired: false), Evolve);

    public static ProtectedObjectState Evolve(ProtectedObjectState current, ProtectedObjectEvent happened) => happened switch
    {
        ProtectedObjectAdded { Content: var added } e when current.DefaultId is null => current.With(added) with
        {
            ServiceCode = added.ServiceCode,
            ContractVersion = e.ContractVersion,
            DefaultId = added.ObjectId,
            ContractPrefixes = added.Prefixes,
        },
        ProtectedObjectAdded e => current.With(e.Content),
        ContractFollowed e => current.With(e.Content) with
        {
            ContractVersion = e.ContractVersion,
            ContractPrefixes = e.ContractPrefixes ?? e.Content.Prefixes,
        },
        ThresholdsChanged e => current.With(e.Content),
        ProtectedObjectRetired e => current with
        {
            ServiceCode = e.ServiceCode,
            Retired = current.Retired.Add(e.ObjectId),
            IsRetired = current.IsRetired || current.DefaultId is null || e.ObjectId == current.DefaultId,
        },
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the protected-object stream."),
    };

    private ProtectedObjectState With(ObjectContent content) => this with
    {
        Objects = Objects.SetItem(content.ObjectId, content),
        Versions = Versions.SetItem((content.ObjectId, content.Version), content),
    };
}
