using Platform.EventStore;
using Platform.Mitigation.Mitigations;
using static Platform.Mitigation.DefensePolicies.DefensePolicyRejections;

namespace Platform.Mitigation.DefensePolicies;

/// <param name="ObjectId">The protected object.</param>
/// <param name="ServiceCode">Its contract.</param>
/// <param name="Policy">How it shall be defended.</param>
/// <param name="Note">Why.</param>
/// <param name="At">Now (UTC).</param>
internal sealed record SetDefensePolicy(Guid ObjectId, string ServiceCode, DefensePolicy Policy, string Note, DateTimeOffset At);

internal static class DefensePolicyDecider
{
    private static readonly TimeSpan LeastPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MostPatience = TimeSpan.FromHours(1);

    public static Decision<DefensePolicyEvent> Decide(DefensePolicyState current, SetDefensePolicy command)
    {
        var policy = command.Policy;
        if (string.IsNullOrWhiteSpace(command.Note) || command.Note.Length > 200)
        {
            return MitigationRejections.ReasonMissing;
        }

        if (policy.Steps.Count is 0 or > 10)
        {
            return StepsOutOfRange;
        }

        if (policy.Steps.Any(step => step.Patience < LeastPatience || step.Patience > MostPatience))
        {
            return PatienceOutOfRange;
        }

        if (policy.AllowedSources.Count > SafetyRails.MostAllowed)
        {
            return AllowedSourcesOutOfRange;
        }

        if (policy.AllowedSources.Where(source => !SafetyRails.MayBeAllowed(source)).ToList() is [var wide, ..])
        {
            return AllowedSourceTooWide(wide);
        }

        if (current.Policy is { } set
            && current.ServiceCode == command.ServiceCode
            && set.Mode == policy.Mode
            && set.Steps.SequenceEqual(policy.Steps)
            && set.AllowedSources.SequenceEqual(policy.AllowedSources))
        {
            return Decision<DefensePolicyEvent>.Unchanged;
        }

        return new DefensePolicySet(
            command.ObjectId, command.ServiceCode, policy.Steps, policy.Mode, policy.AllowedSources, command.Note, command.At);
    }
}
