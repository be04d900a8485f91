using System.Collections.Immutable;
using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Accounts.Operators;

/// <summary>Who may act for one tenant, and as what. One stream a tenant, because "the last administrator stays" is a rule over all of them.</summary>
internal sealed record OperatorsState(ImmutableDictionary<Guid, string> Roles, ImmutableHashSet<Guid> Deleted)
{
    /// <summary>Key of the only such stream of a tenant.</summary>
    public const string Key = "all";

    public static readonly StreamType<OperatorsState, OperatorEvent> Stream = new(
        "operators", new OperatorsState(ImmutableDictionary<Guid, string>.Empty, []), Evolve);

    public static OperatorsState Evolve(OperatorsState current, OperatorEvent happened) => happened switch
    {
        OperatorRegistered e => current with { Roles = current.Roles.SetItem(e.OperatorId, e.Role) },
        OperatorDeleted e => new(current.Roles.Remove(e.OperatorId), current.Deleted.Add(e.OperatorId)),
        OperatorLocked => current, // a matter of credentials; here for the record
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the operators stream."),
    };
}
