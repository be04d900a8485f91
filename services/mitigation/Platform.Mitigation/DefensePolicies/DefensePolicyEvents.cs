using System.Net;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.DefensePolicies;

/// <summary>What can have happened to the policy of one protected object.</summary>
internal abstract record DefensePolicyEvent;

/// <summary>The object is defended like this from now on; mitigations that stand take it for their next step.</summary>
/// <param name="ObjectId">The protected object.</param>
/// <param name="ServiceCode">Its contract, so that erasure finds the stream.</param>
/// <param name="Steps">What is tried, in this order.</param>
/// <param name="Mode">Whether a person has to agree first.</param>
/// <param name="AllowedSources">Sources whose traffic no filter may touch.</param>
/// <param name="Note">Why.</param>
/// <param name="SetAt">When (UTC).</param>
internal sealed record DefensePolicySet(
    Guid ObjectId,
    [property: SealScope] string ServiceCode,
    IReadOnlyList<DefenseStep> Steps,
    EnforcementMode Mode,
    IReadOnlyList<IPNetwork> AllowedSources,
    [property: Sealed] string Note,
    DateTimeOffset SetAt) : DefensePolicyEvent;
