using System.Diagnostics;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.DefensePolicies;

/// <param name="Policy">Null: the installation's default.</param>
/// <param name="ServiceCode">Its contract; null before the first event.</param>
internal sealed record DefensePolicyState(DefensePolicy? Policy, string? ServiceCode)
{
    public static readonly StreamType<DefensePolicyState, DefensePolicyEvent> Stream =
        new("defense-policy", new(Policy: null, ServiceCode: null), Evolve);

    public static DefensePolicyState Evolve(DefensePolicyState current, DefensePolicyEvent happened) => happened switch
    {
        DefensePolicySet e => new(new DefensePolicy(e.Steps, e.Mode, e.AllowedSources), e.ServiceCode),
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the policy stream."),
    };
}
