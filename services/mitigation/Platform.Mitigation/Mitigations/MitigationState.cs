using System.Collections.Immutable;
using System.Diagnostics;
using System.Net;
using Platform.EventStore;

namespace Platform.Mitigation.Mitigations;

internal enum MitigationStatus
{
    /// <summary>Nothing is known of the anomaly.</summary>
    None,

    /// <summary>The end of the anomaly came before its beginning: there is nothing left to defend.</summary>
    OverBeforeStart,

    /// <summary>Countermeasures shall stand.</summary>
    Standing,

    /// <summary>Countermeasures shall go.</summary>
    Withdrawing,

    /// <summary>Ended or failed; final.</summary>
    Closed,
}

/// <summary>What the rules need to remember about one mitigation, and nothing else.</summary>
internal sealed record MitigationState(
    MitigationStatus Status,
    MitigationScope? Scope,
    DateTimeOffset ExpiresAt,
    DateTimeOffset? HeldUntil,
    WithdrawalReason? Reason,
    ImmutableDictionary<Guid, CountermeasureState> Countermeasures)
{
    public static readonly StreamType<MitigationState, MitigationEvent> Stream = new(
        "mitigation",
        new MitigationState(
            MitigationStatus.None, null, default, null, null, ImmutableDictionary<Guid, CountermeasureState>.Empty),
        Evolve);

    public bool WasInForce => Countermeasures.Values.Any(countermeasure => !countermeasure.Announced.IsEmpty);

    public static MitigationState Evolve(MitigationState current, MitigationEvent happened) => happened switch
    {
        MitigationStarted e => current with
        {
            Status = MitigationStatus.Standing,
            Scope = new MitigationScope(e.MitigationId, e.AnomalyId, e.ServiceCode),
            ExpiresAt = e.ExpiresAt,
        },
        CountermeasureRequested e => current.With(
            e.CountermeasureId, new CountermeasureState(e.Kind, e.Prefix, [], [], Withdrawn: false)),
        CountermeasureAnnounced e => current.With(
            e.CountermeasureId, it => it with { Announced = it.Announced.Add(e.Speaker) }),
        AnomalyEndNoted e => current with
        {
            Status = current.Status is MitigationStatus.None ? MitigationStatus.OverBeforeStart : current.Status,
            Scope = new MitigationScope(e.MitigationId, e.AnomalyId, e.ServiceCode),
            HeldUntil = e.HeldUntil,
        },
        WithdrawalRequested e => current with { Status = MitigationStatus.Withdrawing, Reason = e.Reason },
        CountermeasureCleared e => current.With(
            e.CountermeasureId, it => it with { Cleared = it.Cleared.Add(e.Speaker) }),
        CountermeasureWithdrawn e => current.With(e.CountermeasureId, it => it with { Withdrawn = true }),
        MitigationEnded => current with { Status = MitigationStatus.Closed },
        MitigationFailed e => current with { Status = MitigationStatus.Closed, Scope = e.Scope },
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the mitigation stream."),
    };

    private MitigationState With(Guid id, CountermeasureState countermeasure) =>
        this with { Countermeasures = Countermeasures.SetItem(id, countermeasure) };

    private MitigationState With(Guid id, Func<CountermeasureState, CountermeasureState> change) =>
        With(id, change(Countermeasures[id]));
}

/// <param name="Kind">What is done with the traffic.</param>
/// <param name="Prefix">Prefix that is announced.</param>
/// <param name="Announced">Speakers that were read back with it.</param>
/// <param name="Cleared">Speakers that were read without it since the withdrawal.</param>
/// <param name="Withdrawn">Whether no speaker holds it any more.</param>
internal sealed record CountermeasureState(
    CountermeasureKind Kind,
    IPNetwork Prefix,
    ImmutableHashSet<string> Announced,
    ImmutableHashSet<string> Cleared,
    bool Withdrawn);
