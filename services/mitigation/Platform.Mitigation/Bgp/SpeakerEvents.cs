namespace Platform.Mitigation.Bgp;

/// <summary>What can have happened to one speaker on one day. Streams of the provider.</summary>
internal abstract record SpeakerEvent;

/// <summary>
/// The speaker did not hold what it had held, or held what nobody wanted; it was put right. One a minute at most, with the sum of what was found in it: no
/// prefix stands here, so that nothing of a customer outlives its erasure.
/// </summary>
/// <param name="Speaker">Name of the speaker as configured.</param>
/// <param name="Missing">How many routes had gone that shall stand.</param>
/// <param name="Foreign">How many routes carried our mark that no stream knows.</param>
/// <param name="FoundAt">When the last of it was read (UTC).</param>
/// <param name="Countermeasures">Up to 20 of those whose routes had gone; null from releases that did not say.</param>
internal sealed record SpeakerDriftMended(
    string Speaker, int Missing, int Foreign, DateTimeOffset FoundAt, IReadOnlyList<Guid>? Countermeasures = null) : SpeakerEvent;

/// <summary>A BGP session of the speaker came up or went down: what is in its table goes to this neighbour, or does not.</summary>
/// <param name="Speaker">Name of the speaker as configured.</param>
/// <param name="Neighbour">Address of the router.</param>
/// <param name="IsEstablished">Whether it is up now.</param>
/// <param name="SeenAt">When it was seen (UTC).</param>
internal sealed record SpeakerSessionChanged(string Speaker, string Neighbour, bool IsEstablished, DateTimeOffset SeenAt) : SpeakerEvent;

/// <summary>The speaker does not answer; what it shall hold waits.</summary>
/// <param name="Speaker">Name of the speaker as configured.</param>
/// <param name="LostAt">When (UTC).</param>
internal sealed record SpeakerLost(string Speaker, DateTimeOffset LostAt) : SpeakerEvent;

/// <summary>The settings do not name the speaker any more, and it was read without anything of ours.</summary>
/// <param name="Speaker">Name of the speaker as it was configured.</param>
/// <param name="Withdrawn">How many routes and rules had to be taken from it.</param>
/// <param name="RetiredAt">When it was read (UTC).</param>
internal sealed record SpeakerRetired(string Speaker, int Withdrawn, DateTimeOffset RetiredAt) : SpeakerEvent;

/// <summary>The speaker answers again.</summary>
/// <param name="Speaker">Name of the speaker as configured.</param>
/// <param name="ReturnedAt">When (UTC).</param>
internal sealed record SpeakerReturned(string Speaker, DateTimeOffset ReturnedAt) : SpeakerEvent;
