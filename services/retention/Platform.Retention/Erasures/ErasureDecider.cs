using Platform.EventStore;
using static Platform.Retention.Erasures.ErasureRejections;

namespace Platform.Retention.Erasures;

/// <summary>A contract ended; its terms were applied to the date.</summary>
internal sealed record ScheduleErasure(
    Guid ErasureId,
    Guid TenantId,
    Guid ContractId,
    string ServiceCode,
    string Service,
    IReadOnlyList<string> DataClasses,
    int MonthsAfterTermination,
    DateTimeOffset TerminatedAt,
    DateTimeOffset DueAt);

/// <summary>Time passed: ask the owners, the first time or again.</summary>
/// <param name="Owners">Who owns data of contracts, by the settings of now.</param>
/// <param name="RepeatAfter">Wait before the second request; each further wait is twice the one before.</param>
/// <param name="RepeatAtMost">Longest wait.</param>
/// <param name="At">Now.</param>
internal sealed record RequestErasure(
    IReadOnlyList<string> Owners, TimeSpan RepeatAfter, TimeSpan RepeatAtMost, DateTimeOffset At);

/// <summary>An owner says that its part is gone.</summary>
internal sealed record ConfirmOwnerErasure(
    string Owner, IReadOnlyDictionary<string, long> Counts, DateTimeOffset ErasedAt, DateTimeOffset At);

/// <summary>
/// The rules of an erasure: nothing is asked before the due instant, it is asked until every owner has answered, and it
/// is certified
/// once. An owner's first answer counts.
/// </summary>
internal static class ErasureDecider
{
    public static Decision<ErasureEvent> Decide(ErasureState current, ScheduleErasure command) =>
        current.Status is ErasureStatus.None
        ? new ErasureScheduled(
            command.ErasureId,
            command.TenantId,
            command.ContractId,
            command.ServiceCode,
            command.Service,
            command.DataClasses,
            command.MonthsAfterTermination,
            command.TerminatedAt,
            command.DueAt)
        : Decision<ErasureEvent>.Unchanged;

    public static Decision<ErasureEvent> Decide(ErasureState current, RequestErasure command)
    {
        if (current.Plan is not { } plan)
        {
            return Unknown;
        }

        if (command.At < plan.DueAt)
        {
            return NotDue(plan.DueAt);
        }

        if (current.Status is ErasureStatus.Certified || command.At < current.NextRequestAt)
        {
            return Decision<ErasureEvent>.Unchanged;
        }

        var isFirst = current.Status is ErasureStatus.Scheduled;
        return new ErasureRequested(
            plan.ErasureId,
            plan.TenantId,
            plan.ContractId,
            plan.ServiceCode,
            plan.DataClasses,
            isFirst ? command.Owners : current.Owners,
            current.Attempt + 1,
            plan.DueAt,
            RequestedAt: command.At,
            NextRequestAt: command.At + Wait(command, current.Attempt));
    }

    public static Decision<ErasureEvent> Decide(ErasureState current, ConfirmOwnerErasure command)
    {
        if (current.Plan is not { } plan)
        {
            return Unknown;
        }

        if (current.Status is ErasureStatus.Scheduled)
        {
            return NotRequested(command.Owner);
        }

        if (!current.Owners.Contains(command.Owner))
        {
            return OwnerNotAsked(command.Owner);
        }

        if (current.Confirmed.ContainsKey(command.Owner))
        {
            return Decision<ErasureEvent>.Unchanged;
        }

        var confirmed = new OwnerErasureConfirmed(
            plan.ErasureId, command.Owner, command.Counts, command.ErasedAt, ConfirmedAt: command.At);
        var after = ErasureState.Evolve(current, confirmed);
        return after.WaitingFor.Any()
            ? confirmed
            : new ErasureEvent[] { confirmed, Certificate(plan, after, command.At) };
    }

    private static ErasureCertified Certificate(ErasureScheduled plan, ErasureState complete, DateTimeOffset at)
    {
        var counts = from owner in complete.Confirmed
                     from kind in owner.Value.OrderBy(kind => kind.Key, StringComparer.Ordinal)
                     select KeyValuePair.Create($"{owner.Key}/{kind.Key}", kind.Value);
        return new ErasureCertified(
            plan.ErasureId,
            plan.TenantId,
            plan.ServiceCode,
            plan.DataClasses,
            new Dictionary<string, long>(counts),
            plan.TerminatedAt,
            plan.DueAt,
            CertifiedAt: at);
    }

    private static TimeSpan Wait(RequestErasure command, int requestsBefore)
    {
        var wait = command.RepeatAfter * Math.Pow(2, Math.Min(requestsBefore, 30));
        return wait < command.RepeatAtMost ? wait : command.RepeatAtMost;
    }
}
