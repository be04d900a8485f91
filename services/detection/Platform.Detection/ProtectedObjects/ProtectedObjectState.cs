using System.Collections.Immutable;
using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Detection.ProtectedObjects;

/// <summary>What the rules need to remember about one protected object.</summary>
/// <param name="ServiceCode">Its contract; null before the first event.</param>
/// <param name="Content">Null until it is watched.</param>
/// <param name="ContractVersion">Newest version of the contract that was followed.</param>
/// <param name="IsRetired">Final.</param>
internal sealed record ProtectedObjectState(string? ServiceCode, ObjectContent? Content, long ContractVersion, bool IsRetired)
{
    /// <summary>Every version that there was, the newest included.</summary>
    public ImmutableDictionary<long, ObjectContent> Versions { get; init; } = ImmutableDictionary<long, ObjectContent>.Empty;

    public static readonly StreamType<ProtectedObjectState, ProtectedObjectEvent> Stream =
        new("protected-object", new ProtectedObjectState(null, null, 0, IsRetired: false), Evolve);

    public static ProtectedObjectState Evolve(ProtectedObjectState current, ProtectedObjectEvent happened) => happened switch
    {
        ProtectedObjectAdded e => current.With(e.Content) with { ServiceCode = e.Content.ServiceCode, ContractVersion = e.ContractVersion },
        ContractFollowed e => current.With(e.Content) with { ContractVersion = e.ContractVersion },
        ThresholdsChanged e => current.With(e.Content),
        ProtectedObjectRetired e => current with { ServiceCode = e.ServiceCode, IsRetired = true },
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the protected-object stream."),
    };

    private ProtectedObjectState With(ObjectContent content) =>
        this with { Content = content, Versions = Versions.SetItem(content.Version, content) };
}
