using System.Diagnostics;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;
using IPNetwork = System.Net.IPNetwork;

namespace Platform.Detection.Anomalies;

/// <summary>One anomaly of a target, open or long over, as what an operator thinks of it needs it.</summary>
/// <remarks>Its own events are looked for in the stream of its target, wherever they are: for what a person asks, not for what is judged.</remarks>
/// <param name="Subject">What it was about; null: the target never had it.</param>
/// <param name="Over">Of each vector that was over the most that was measured, and the least that it was held against.</param>
/// <param name="MarkedWith">The thresholds that were proposed and shown when an operator called it no attack: what goes on afterwards adds nothing to them. Null: nobody did.</param>
internal sealed record KnownAnomaly(AnomalySubject? Subject, IReadOnlyList<VectorMeasurement> Over, IReadOnlyList<Threshold>? MarkedWith)
{
    /// <summary>When it was first seen (UTC).</summary>
    public DateTimeOffset Since { get; init; }

    /// <summary>When it was over (UTC); null: it is open.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>When an operator called it no attack (UTC); null: nobody did.</summary>
    public DateTimeOffset? MarkedAt { get; init; }

    /// <summary>It was of more than its target.</summary>
    public bool IsSpread { get; init; }

    private const double Room = 1.25;
    private static readonly KnownAnomaly _none = new(null, [], null);

    /// <summary>The stream of its target, read for this anomaly alone.</summary>
    public static StreamType<KnownAnomaly, AnomalyEvent> Stream(Guid anomalyId) => new(
        AnomalyState.Stream.Name, _none, (current, happened) => IdOf(happened) == anomalyId ? current.Evolve(happened) : current)
    {
        About = $$$"""{"Subject":{"AnomalyId":"{{{anomalyId}}}"}}""",
    };

    public KnownAnomaly With(IReadOnlyList<VectorMeasurement> over) => this with
    {
        Over = [.. Over.Concat(over).GroupBy(vector => (vector.Vector, Level: LevelOf(vector))).Select(same => same.Aggregate((one, other) => one.With(other)))],
    };

    /// <summary>Thresholds under which none of it would have been over, with some room; of what learning knows in bits and in packets both, whichever was over first.</summary>
    public IReadOnlyList<Threshold> Proposal() =>
    [
        .. Over.Select(vector => new Threshold(
            vector.Vector,
            Above(vector.BitsPerSecond, vector.ThresholdBitsPerSecond, vector.BaselineBitsPerSecond),
            Above(vector.PacketsPerSecond, vector.ThresholdPacketsPerSecond, vector.BaselinePacketsPerSecond),
            Above(vector.FlowsPerSecond ?? 0, vector.ThresholdFlowsPerSecond),
            LevelOf(vector),
            Subject!.Direction)),
    ];

    /// <summary>What was proposed when it was called no attack, for whom it was about and the hours at which it was seen until then; null: nobody called it so.</summary>
    public MarkedFloor? Mark() => (Subject, MarkedWith, MarkedAt) is ({ } subject, { } least, { } markedAt)
        ? new(subject.AnomalyId, TargetOf(subject.Target, subject.Level, IsSpread), Since, SeenUntil(EndedAt, markedAt), Since: markedAt, least)
        : null;

    /// <summary>Whom its floor is for; null: any host of the object.</summary>
    public static IPNetwork? TargetOf(IPNetwork target, WatchLevel level, bool isSpread) => isSpread || level is WatchLevel.Object ? null : target;

    /// <summary>What comes after it was marked adds nothing.</summary>
    public static DateTimeOffset SeenUntil(DateTimeOffset? endedAt, DateTimeOffset markedAt) => endedAt < markedAt ? endedAt.Value : markedAt;

    private static Guid IdOf(AnomalyEvent happened) => happened switch
    {
        AnomalyDetected e => e.Subject.AnomalyId,
        AnomalyChanged e => e.Subject.AnomalyId,
        AnomalyEnded e => e.Subject.AnomalyId,
        AnomalyMarkedFalse e => e.AnomalyId,
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the target stream."),
    };

    /// <param name="usual">Null: learning knows nothing of it.</param>
    private static long? Above(long measured, long? threshold, long? usual = null) =>
        measured > 0 && (threshold is { } over ? measured > over : usual is not null) ? (long)(measured * Room) : null;

    private KnownAnomaly Evolve(AnomalyEvent happened) => happened switch
    {
        AnomalyDetected e => this with { Subject = e.Subject, Over = e.Vectors, Since = e.Since, IsSpread = IsBeyond(e.Subject, e.Prefixes) },
        AnomalyChanged e => (this with { Subject = e.Subject, IsSpread = IsSpread || IsBeyond(e.Subject, e.Prefixes) }).With(e.Vectors),
        AnomalyEnded e => (this with { Subject = e.Subject, EndedAt = e.EndedAt }).With(e.Most ?? []),
        AnomalyMarkedFalse e => (this with { Subject = e.Subject, MarkedWith = e.Proposal, MarkedAt = e.MarkedAt }).With(e.Most ?? []),
        _ => this,
    };

    private static bool IsBeyond(AnomalySubject subject, IReadOnlyList<PrefixShare>? prefixes) => prefixes?.Any(prefix => !prefix.Prefix.Equals(subject.Target)) == true;

    private WatchLevel LevelOf(VectorMeasurement vector) => vector.Level ?? Subject!.Level;
}
