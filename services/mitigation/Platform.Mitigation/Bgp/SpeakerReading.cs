namespace Platform.Mitigation.Bgp;

/// <summary>What one speaker was read with, beside what it shall hold. Pure.</summary>
/// <param name="Speaker">Its name.</param>
/// <param name="RouteFor">The route that a countermeasure is at this speaker; null when it has no part in it.</param>
/// <param name="Standing">The route of each countermeasure that shall stand here.</param>
/// <param name="Desired">What it shall hold, by place: of two countermeasures at one place the later has it.</param>
/// <param name="InForce">The route by which each countermeasure is in force: its own, or that which took its place within the same mitigation.</param>
/// <param name="Held">What it holds.</param>
/// <param name="Sessions">To whom it tells it.</param>
internal sealed record SpeakerReading(
    string Speaker,
    Func<WantedCountermeasure, SpeakerRoute?> RouteFor,
    IReadOnlyDictionary<Guid, SpeakerRoute> Standing,
    IReadOnlyDictionary<string, SpeakerRoute> Desired,
    IReadOnlyDictionary<Guid, SpeakerRoute> InForce,
    IReadOnlySet<SpeakerRoute> Held,
    IReadOnlyList<SpeakerSession> Sessions)
{
    private readonly HashSet<string> _heldKeys = [.. Held.Select(route => route.Key)];
    private readonly HashSet<SpeakerRoute> _told = [.. Held.Where(route => route.IsTold)];
    private readonly HashSet<string> _heldEffects = [.. Held.Select(route => route.Effect)];
    private readonly HashSet<string> _standingEffects = [.. Standing.Values.Select(route => route.Effect)];
    private readonly HashSet<string> _standingKeys = [.. Standing.Values.Select(route => route.Key)];

    /// <summary>What of ours lies in its table for nothing: somebody else's path to the same place is better.</summary>
    public IEnumerable<SpeakerRoute> Outdone => Held.Where(route => !route.IsTold);

    /// <summary>Whether it was read back, and goes to a router now: what only lies in a table stops nothing.</summary>
    public bool IsInForce(Guid countermeasureId) => InForce.TryGetValue(countermeasureId, out var route) && Reaches(route);

    /// <summary>Whether it was read back here once and is not in force now; not so when another of ours has its place.</summary>
    public bool IsMissing(WantedCountermeasure it) =>
        it.AnnouncedBy.Contains(Speaker)
        && Standing.TryGetValue(it.CountermeasureId, out var route)
        && Desired[route.Key].Equals(route)
        && !Reaches(route);

    /// <summary>Gone, or standing for another countermeasure only, or never a matter of this speaker.</summary>
    public bool IsGone(WantedCountermeasure it) =>
        RouteFor(it) is not { } route
        || !_heldKeys.Contains(route.Key)
        || _standingEffects.Contains(route.Effect)
        || (_standingKeys.Contains(route.Key) && !_heldEffects.Contains(route.Effect));

    private bool Reaches(SpeakerRoute route) => _told.Contains(route) && SpeakerSession.Reach(Sessions, route);
}
