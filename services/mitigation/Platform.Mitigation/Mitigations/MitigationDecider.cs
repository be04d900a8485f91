using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Platform.EventStore;
using static Platform.Mitigation.Mitigations.MitigationRejections;

namespace Platform.Mitigation.Mitigations;

/// <param name="Scope">The mitigation, its anomaly and contract.</param>
/// <param name="Target">Attacked prefix as detection reported it.</param>
/// <param name="Contract">What the tenant's contract protects now.</param>
/// <param name="Slot">Whether there is room for one more countermeasure.</param>
/// <param name="MaximumDuration">Expiry of the countermeasures, counted from <paramref name="At"/>.</param>
/// <param name="At">Now (UTC).</param>
internal sealed record StartMitigation(
    MitigationScope Scope,
    string Target,
    ContractScope Contract,
    SlotAnswer Slot,
    TimeSpan MaximumDuration,
    DateTimeOffset At);

/// <summary>What a contract protects.</summary>
/// <param name="Prefixes">The tenant's own prefixes under this contract.</param>
/// <param name="Ended">Whether the contract was terminated.</param>
internal sealed record ContractScope(IReadOnlyList<IPNetwork> Prefixes, bool Ended);

/// <summary>Answer to the question for room under the caps.</summary>
internal enum SlotAnswer
{
    Granted,
    TenantFull,
    AllFull,
}

internal sealed record NoteAnomalyEnd(MitigationScope Scope, TimeSpan Hold, DateTimeOffset EndedAt, DateTimeOffset At);

internal sealed record WithdrawMitigation(Guid MitigationId, WithdrawalReason Reason, string? Note, DateTimeOffset At);

internal sealed record ConfirmAnnouncement(Guid CountermeasureId, string Route, string Speaker, DateTimeOffset At);

/// <param name="CountermeasureId">The countermeasure that was looked for.</param>
/// <param name="Speaker">The speaker that was read without it.</param>
/// <param name="Speakers">All speakers that are configured.</param>
/// <param name="At">When it was read (UTC).</param>
internal sealed record ConfirmClearance(
    Guid CountermeasureId, string Speaker, ImmutableHashSet<string> Speakers, DateTimeOffset At);

/// <summary>The rules of a mitigation. Pure: time, identity, contract and caps arrive with the command.</summary>
internal static class MitigationDecider
{
    /// <summary>Hard limits, whatever a setting or a policy says: nothing wider is ever touched.</summary>
    private const int WidestIPv4 = 24;
    private const int WidestIPv6 = 48;

    public static Decision<MitigationEvent> Decide(MitigationState current, StartMitigation command)
    {
        if (current.Status is not MitigationStatus.None)
        {
            return Decision<MitigationEvent>.Unchanged; // the same anomaly again, or its end came first
        }

        if (Refusal(command) is { } refusal)
        {
            return new MitigationFailed(command.Scope, command.Target, refusal.Code, refusal.Detail, command.At);
        }

        var target = IPNetwork.Parse(command.Target);
        return new MitigationEvent[]
        {
            new MitigationStarted(
                command.Scope.MitigationId,
                command.Scope.AnomalyId,
                command.Scope.ServiceCode,
                target,
                ExpiresAt: command.At + command.MaximumDuration,
                StartedAt: command.At),
            new CountermeasureRequested(
                DerivedId.For(command.Scope.MitigationId, $"{CountermeasureKind.Blackhole} {target}"),
                CountermeasureKind.Blackhole,
                target,
                RequestedAt: command.At),
        };
    }

    public static Decision<MitigationEvent> Decide(MitigationState current, NoteAnomalyEnd command)
    {
        var noted = new AnomalyEndNoted(
            command.Scope.MitigationId,
            command.Scope.ServiceCode,
            command.Scope.AnomalyId,
            HeldUntil: command.At + command.Hold,
            command.EndedAt);
        return current.Status switch
        {
            MitigationStatus.None => noted, // remembered: the beginning, when it comes, changes nothing
            MitigationStatus.Standing when current.HeldUntil is null => noted,
            _ => Decision<MitigationEvent>.Unchanged,
        };
    }

    public static Decision<MitigationEvent> Decide(MitigationState current, WithdrawMitigation command)
    {
        if (current.Status is MitigationStatus.None or MitigationStatus.OverBeforeStart)
        {
            return Unknown(command.MitigationId);
        }

        if (current.Status is not MitigationStatus.Standing)
        {
            return Decision<MitigationEvent>.Unchanged;
        }

        return command.Reason switch
        {
            WithdrawalReason.AnomalyEnded when current.HeldUntil is null => AnomalyStillOpen(command.MitigationId),
            WithdrawalReason.AnomalyEnded when command.At < current.HeldUntil => StillHeld(current.HeldUntil.Value),
            WithdrawalReason.Expired when command.At < current.ExpiresAt => NotExpired(current.ExpiresAt),
            WithdrawalReason.Operator when string.IsNullOrWhiteSpace(command.Note) || command.Note.Length > 200 => ReasonMissing,
            _ => new WithdrawalRequested(command.Reason, command.Note, command.At),
        };
    }

    public static Decision<MitigationEvent> Decide(MitigationState current, ConfirmAnnouncement command)
    {
        if (current.Status is not MitigationStatus.Standing
            || !current.Countermeasures.TryGetValue(command.CountermeasureId, out var countermeasure)
            || countermeasure.Announced.Contains(command.Speaker))
        {
            return Decision<MitigationEvent>.Unchanged; // announced again after a restart of the speaker, or already unwanted
        }

        return new CountermeasureAnnounced(
            current.Scope!, command.CountermeasureId, countermeasure.Kind, command.Route, command.Speaker, command.At);
    }

    public static Decision<MitigationEvent> Decide(MitigationState current, ConfirmClearance command)
    {
        if (current.Status is not MitigationStatus.Withdrawing
            || !current.Countermeasures.TryGetValue(command.CountermeasureId, out var countermeasure)
            || countermeasure.Withdrawn
            || countermeasure.Cleared.Contains(command.Speaker))
        {
            return Decision<MitigationEvent>.Unchanged;
        }

        if (!countermeasure.Cleared.Add(command.Speaker).IsSupersetOf(command.Speakers))
        {
            return new CountermeasureCleared(command.CountermeasureId, command.Speaker, command.At);
        }

        var withdrawn = new CountermeasureWithdrawn(
            current.Scope!, command.CountermeasureId, current.Reason!.Value, command.At);
        var isLast = current.Countermeasures.All(other => other.Key == command.CountermeasureId || other.Value.Withdrawn);
        return isLast
            ? new MitigationEvent[] { withdrawn, new MitigationEnded(current.Scope!, current.WasInForce, command.At) }
            : withdrawn;
    }

    /// <summary>The safety rails, in the order in which an operator would want to hear of them.</summary>
    private static Rejection? Refusal(StartMitigation command)
    {
        // The parser drops host bits silently and takes an IPv4 address in IPv6 clothes; neither is what was meant.
        if (!IPNetwork.TryParse(command.Target, out var target)
            || !IPAddress.Parse(command.Target.Split('/')[0]).Equals(target.BaseAddress)
            || target.BaseAddress.IsIPv4MappedToIPv6)
        {
            return TargetMalformed(command.Target);
        }

        var isIPv4 = target.BaseAddress.AddressFamily is AddressFamily.InterNetwork;
        if (target.PrefixLength < (isIPv4 ? WidestIPv4 : WidestIPv6))
        {
            return TargetTooWide(target);
        }

        if (target.PrefixLength != (isIPv4 ? 32 : 128))
        {
            return BlackholeOfMoreThanAHost(target);
        }

        if (command.Contract.Ended)
        {
            return ContractEnded(command.Scope.ServiceCode);
        }

        if (!command.Contract.Prefixes.Any(own => own.Contains(target.BaseAddress) && own.PrefixLength <= target.PrefixLength))
        {
            return TargetOutsidePrefixes(target, command.Scope.ServiceCode);
        }

        return command.Slot switch
        {
            SlotAnswer.TenantFull => TenantCapReached,
            SlotAnswer.AllFull => TotalCapReached,
            _ => null,
        };
    }
}
