namespace Platform.Mitigation.KillSwitches;

/// <summary>What can have happened to the kill switch. One stream of the provider.</summary>
internal abstract record KillSwitchEvent;

/// <summary>Everything is withdrawn, and nothing is put into the network until it is released.</summary>
/// <param name="Note">Why.</param>
/// <param name="EngagedAt">When (UTC).</param>
internal sealed record KillSwitchEngaged(string Note, DateTimeOffset EngagedAt) : KillSwitchEvent;

/// <summary>Attacks are answered again, those that went on meanwhile too. What was done by hand does not come back.</summary>
/// <param name="Note">Why.</param>
/// <param name="ReleasedAt">When (UTC).</param>
internal sealed record KillSwitchReleased(string Note, DateTimeOffset ReleasedAt) : KillSwitchEvent;
