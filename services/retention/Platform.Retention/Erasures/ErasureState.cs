using System.Collections.Immutable;
using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Retention.Erasures;

internal enum ErasureStatus
{
    None,
    Scheduled,
    Requested,
    Certified,
}

/// <summary>What the rules need to remember about one erasure.</summary>
/// <param name="Status">How far it is.</param>
/// <param name="Plan">What was scheduled.</param>
/// <param name="Owners">Who has to answer.</param>
/// <param name="Attempt">How often was asked.</param>
/// <param name="NextRequestAt">Not asked again before this instant.</param>
/// <param name="Confirmed">Counts by owner that answered.</param>
internal sealed record ErasureState(
    ErasureStatus Status,
    ErasureScheduled? Plan,
    IReadOnlyList<string> Owners,
    int Attempt,
    DateTimeOffset NextRequestAt,
    ImmutableSortedDictionary<string, IReadOnlyDictionary<string, long>> Confirmed)
{
    public static readonly StreamType<ErasureState, ErasureEvent> Stream = new(
        "erasure",
        new ErasureState(
            ErasureStatus.None,
            null,
            [],
            0,
            DateTimeOffset.MinValue,
            ImmutableSortedDictionary.Create<string, IReadOnlyDictionary<string, long>>(StringComparer.Ordinal)),
        Evolve);

    /// <summary>Owners that have not answered yet.</summary>
    public IEnumerable<string> WaitingFor => Owners.Where(owner => !Confirmed.ContainsKey(owner));

    public static ErasureState Evolve(ErasureState current, ErasureEvent happened) => happened switch
    {
        ErasureScheduled e => current with { Status = ErasureStatus.Scheduled, Plan = e, NextRequestAt = e.DueAt },
        ErasureRequested e => current with
        {
            Status = ErasureStatus.Requested,
            Owners = e.Owners,
            Attempt = e.Attempt,
            NextRequestAt = e.NextRequestAt,
        },
        OwnerErasureConfirmed e => current with { Confirmed = current.Confirmed.SetItem(e.Owner, e.Counts) },
        ErasureCertified => current with { Status = ErasureStatus.Certified },
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the erasure stream."),
    };
}
