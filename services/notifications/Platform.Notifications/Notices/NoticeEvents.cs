namespace Platform.Notifications.Notices;

/// <summary>What can happen to a notice. Stream <c>notice:{notice id}</c>, one per notice.</summary>
/// <remarks>
/// Data class <c>incident</c>; a notice of kind <c>erasure-certified</c> is the customer's proof and of class
/// <c>provider</c>.
/// </remarks>
internal abstract record NoticeEvent;

/// <summary>A notice stands in the customer's portal.</summary>
/// <param name="NoticeId">Id of the message that it tells of: the same message is the same notice.</param>
/// <param name="ServiceCode">Service code that it is about.</param>
/// <param name="Kind">One of <see cref="NoticeKinds"/>.</param>
/// <param name="Details">What a page needs to say it in its own language, by name, units in the names.</param>
/// <param name="PublishedAt">When it was published (UTC).</param>
internal sealed record NoticePublished(
    Guid NoticeId,
    string ServiceCode,
    string Kind,
    IReadOnlyDictionary<string, string> Details,
    DateTimeOffset PublishedAt) : NoticeEvent;

/// <summary>Kinds of notices, as they stand in contracts and pages.</summary>
internal static class NoticeKinds
{
    public const string AnomalyDetected = "anomaly-detected";
    public const string CountermeasureProposed = "countermeasure-proposed";
    public const string CountermeasureAnnounced = "countermeasure-announced";
    public const string AnomalyEnded = "anomaly-ended";
    public const string MitigationFailed = "mitigation-failed";
    public const string ErasureCertified = "erasure-certified";
}
