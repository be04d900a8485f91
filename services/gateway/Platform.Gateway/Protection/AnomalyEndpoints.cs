using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Gateway.Access;
using Platform.Hosting;
using static Platform.Gateway.Protection.ProtectedObjectEndpoints;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Gateway.Protection;

/// <summary><c>/anomalies</c>: what detection recognised. The customer's view of it is an incident.</summary>
internal static class AnomalyEndpoints
{
    /// <param name="AnomalyId">UUID.</param>
    /// <param name="ServiceCode">Contract that it is about.</param>
    /// <param name="ObjectId">Protected object.</param>
    /// <param name="Target">Attacked prefix, CIDR notation.</param>
    /// <param name="Vectors">Vectors over their threshold.</param>
    /// <param name="PeakBitsPerSecond">Greatest rate so far.</param>
    /// <param name="PeakPacketsPerSecond">Greatest rate so far.</param>
    /// <param name="DetectedAt">When (UTC).</param>
    /// <param name="EndedAt">When (UTC); null while open.</param>
    /// <param name="IsMarkedFalse">An operator said that it was no attack.</param>
    /// <param name="Proposal">Thresholds under which it would not have been an anomaly; empty unless it is marked false.</param>
    /// <param name="Severity">low, medium, high or critical: the highest of its life; empty: not known.</param>
    /// <param name="Level">What the target is: host, prefix or object.</param>
    /// <param name="Direction">in: towards the target; out: from it.</param>
    /// <param name="Pulses">How often the traffic rose again after a pause, the first rise included.</param>
    /// <param name="Explanation">Why, as it was told last; null when it was never told.</param>
    /// <param name="MarkedFalseBy">Operator (UUID) who said that it was none; empty unless it is marked false.</param>
    /// <param name="MarkedFalseReason">In their words.</param>
    /// <param name="Prefixes">What it is spread over where that is more than the target, at most 32: greatest share first.</param>
    /// <param name="ProposalBounds">For whom and at which hours the proposal would hold; null unless it is marked false.</param>
    public sealed record AnomalyAnswer(
        string AnomalyId,
        string ServiceCode,
        string ObjectId,
        string Target,
        IReadOnlyList<string> Vectors,
        long PeakBitsPerSecond,
        long PeakPacketsPerSecond,
        DateTimeOffset DetectedAt,
        DateTimeOffset? EndedAt,
        bool IsMarkedFalse,
        IReadOnlyList<ThresholdContent> Proposal,
        string Severity,
        string Level,
        string Direction,
        int Pulses,
        ExplanationAnswer? Explanation,
        string MarkedFalseBy,
        string MarkedFalseReason,
        IReadOnlyList<AttackedPrefixAnswer> Prefixes,
        FloorBoundsAnswer? ProposalBounds);

    /// <param name="Prefix">CIDR notation.</param>
    /// <param name="Share">Its part of the attack's packets, 0 to 1, as it was told last; 0: not any more.</param>
    /// <param name="PeakShare">The greatest part that was told of it.</param>
    /// <param name="Since">When it was seen under attack first (UTC); later than the detection where it joined later.</param>
    public sealed record AttackedPrefixAnswer(string Prefix, double Share, double PeakShare, DateTimeOffset Since);

    /// <param name="Sentence">Which rule fired, whose traffic was measured, how far over it was, what is usual at that hour.</param>
    /// <param name="SentenceJa">The same in Japanese; empty: not known.</param>
    /// <param name="Rule">threshold (somebody set it; of older anomalies also what a profile guessed), profile (a profile guessed it, and nobody set it), learned (from the object's own past), spread (many hosts at once); open set.</param>
    /// <param name="Level">Whose traffic was measured: host, prefix or object; empty: not known.</param>
    /// <param name="Vector">total, udp, tcp-syn, ntp, ... (the vectors of telemetry).</param>
    /// <param name="Unit">bits, packets or flows: of measured, threshold and baseline, per second.</param>
    /// <param name="Measured">What was measured.</param>
    /// <param name="Threshold">What it was held against.</param>
    /// <param name="Baseline">What is usual at that hour of the week; null while nothing is learned.</param>
    /// <param name="Classification">ntp-amplification, syn-flood, ... (open set); empty when nothing fits.</param>
    /// <param name="Confidence">How sure that is, 0 to 1; null when nothing fits.</param>
    /// <param name="Not">What it is not, and why not.</param>
    /// <param name="NotJa">The same in Japanese.</param>
    /// <param name="Sources">Addresses that sent most; each of these lists is largest first, and empty when not known.</param>
    /// <param name="SourcePorts">Source ports.</param>
    /// <param name="DestinationPorts">Destination ports.</param>
    /// <param name="PacketLengths">By class: upper bound in bytes.</param>
    /// <param name="Protocols">IP protocol numbers.</param>
    /// <param name="Earlier">
    /// What proves that it may be a job: anomalies of the same target and vector at the same time of day, an hour more or less, that had a third of it at least, one of each of the last 7 days on
    /// which one came, newest first. Empty where they came on fewer than 3 of them.
    /// </param>
    public sealed record ExplanationAnswer(
        string Sentence,
        string SentenceJa,
        string Rule,
        string Level,
        string Vector,
        string Unit,
        long Measured,
        long Threshold,
        long? Baseline,
        string Classification,
        double? Confidence,
        IReadOnlyList<string> Not,
        IReadOnlyList<string> NotJa,
        IReadOnlyList<TrafficShareAnswer> Sources,
        IReadOnlyList<TrafficShareAnswer> SourcePorts,
        IReadOnlyList<TrafficShareAnswer> DestinationPorts,
        IReadOnlyList<TrafficShareAnswer> PacketLengths,
        IReadOnlyList<TrafficShareAnswer> Protocols,
        IReadOnlyList<EarlierAnomalyAnswer> Earlier);

    /// <param name="AnomalyId">UUID.</param>
    /// <param name="DetectedAt">When (UTC).</param>
    /// <param name="EndedAt">When (UTC); null while open.</param>
    /// <param name="PeakBitsPerSecond">Greatest rate.</param>
    /// <param name="PeakPacketsPerSecond">Greatest rate.</param>
    public sealed record EarlierAnomalyAnswer(
        string AnomalyId, DateTimeOffset DetectedAt, DateTimeOffset? EndedAt, long PeakBitsPerSecond, long PeakPacketsPerSecond);

    /// <param name="Value">Address or number.</param>
    /// <param name="Share">Its part of the packets, 0 to 1.</param>
    public sealed record TrafficShareAnswer(string Value, double Share);

    /// <param name="Items">Newest first.</param>
    /// <param name="Next">Send it as <c>before</c> for the page after this one; empty: there is none.</param>
    public sealed record AnomaliesAnswer(IReadOnlyList<AnomalyAnswer> Items, string Next);

    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    public sealed record MarkFalseRequest(string Reason);

    /// <param name="Proposal">Thresholds under which it would not have been an anomaly.</param>
    /// <param name="Bounds">For whom and at which hours they would hold.</param>
    public sealed record ProposalAnswer(IReadOnlyList<ThresholdContent> Proposal, FloorBoundsAnswer? Bounds);

    public static void MapAnomalies(this IEndpointRouteBuilder routes)
    {
        var anomalies = routes.MapGroup("/anomalies").WithTags("Protection").OfTenant();
        anomalies.MapGet("", List).RequireAuthorization(Policies.Read)
            .WithSummary("Anomalies of the tenant with why each was recognised, newest first, page by page.").Refuses(404, 422);
        anomalies.MapGet("/{anomalyId:guid}", Get).RequireAuthorization(Policies.Read)
            .WithSummary("One anomaly: which rule fired, with the evidence.").Refuses(404);
        anomalies.MapPost("/{anomalyId:guid}/false-mark", MarkFalse).RequireAuthorization(Policies.Operate)
            .WithSummary("Say that an anomaly was no attack; answers what that proposes.").Refuses(404, 422);
        anomalies.MapPost("/{anomalyId:guid}/proposal/application", Apply).RequireAuthorization(Policies.Operate)
            .WithSummary("Put what a false anomaly proposed in force; honours If-Match with the object's version.").Refuses(404, 409, 412, 422);
    }

    private static async Task<Ok<ProposalAnswer>> MarkFalse(
        Guid anomalyId, MarkFalseRequest request, HttpContext http, Wire.Anomalies.AnomaliesClient anomalies)
    {
        var answer = await anomalies.MarkFalseAsync(new Wire.MarkFalseRequest
        {
            TenantId = TenantScope.Of(http),
            AnomalyId = anomalyId.ToString(),
            Reason = request.Reason,
        });
        return TypedResults.Ok(new ProposalAnswer([.. answer.Proposal.Select(ThresholdContent.Of)], answer.Bounds is { } bounds ? FloorBoundsAnswer.Of(bounds) : null));
    }

    private static Task<Results<Ok<ThresholdsChangedAnswer>, ProblemHttpResult>> Apply(
        Guid anomalyId, MarkFalseRequest request, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects) => ProtectedObjectEndpoints.Changed(
        http,
        async expected => (await objects.ApplyProposalAsync(new Wire.ApplyProposalRequest
        {
            TenantId = TenantScope.Of(http),
            AnomalyId = anomalyId.ToString(),
            ExpectedVersion = expected,
            Reason = request.Reason,
        })).Version);

    private static async Task<Ok<AnomaliesAnswer>> List(
        HttpContext http, Wire.Anomalies.AnomaliesClient anomalies, bool openOnly = false, string before = "", int limit = 0)
    {
        var answer = await anomalies.ListAnomaliesAsync(
            new Wire.ListAnomaliesRequest { TenantId = TenantScope.Of(http), OpenOnly = openOnly, Before = before, Limit = limit });
        return TypedResults.Ok(new AnomaliesAnswer([.. answer.Anomalies.Select(Describe)], answer.Next));
    }

    private static async Task<Ok<AnomalyAnswer>> Get(Guid anomalyId, HttpContext http, Wire.Anomalies.AnomaliesClient anomalies) => TypedResults.Ok(Describe(
        await anomalies.GetAnomalyAsync(new Wire.GetAnomalyRequest { TenantId = TenantScope.Of(http), AnomalyId = anomalyId.ToString() })));

    private static AnomalyAnswer Describe(Wire.Anomaly anomaly) => new(
        anomaly.AnomalyId,
        anomaly.ServiceCode,
        anomaly.ObjectId,
        anomaly.Target,
        anomaly.Vectors,
        anomaly.PeakBitsPerSecond,
        anomaly.PeakPacketsPerSecond,
        anomaly.DetectedAt.ToDateTimeOffset(),
        anomaly.EndedAt.ToInstant(),
        anomaly.IsMarkedFalse,
        [.. anomaly.Proposal.Select(ThresholdContent.Of)],
        anomaly.Severity,
        anomaly.Level,
        anomaly.Direction,
        anomaly.Pulses,
        anomaly.Explanation is { } why ? Describe(why) : null,
        anomaly.MarkedFalseBy,
        anomaly.MarkedFalseReason,
        [.. anomaly.Prefixes.Select(one => new AttackedPrefixAnswer(one.Prefix, one.Share, one.PeakShare, one.Since.ToDateTimeOffset()))],
        anomaly.ProposalBounds is { } bounds ? FloorBoundsAnswer.Of(bounds) : null);

    private static ExplanationAnswer Describe(Wire.Explanation why) => new(
        why.Sentence,
        why.SentenceJa,
        why.Rule,
        why.Level,
        why.Vector,
        why.Unit,
        why.Measured,
        why.Threshold,
        why.HasBaseline ? why.Baseline : null,
        why.Classification,
        why.HasConfidence ? why.Confidence : null,
        why.Not,
        why.NotJa,
        Shares(why.Sources),
        Shares(why.SourcePorts),
        Shares(why.DestinationPorts),
        Shares(why.PacketLengths),
        Shares(why.Protocols),
        [
            .. why.Earlier.Select(one => new EarlierAnomalyAnswer(
                one.AnomalyId, one.DetectedAt.ToDateTimeOffset(), one.EndedAt.ToInstant(), one.PeakBitsPerSecond, one.PeakPacketsPerSecond)),
        ]);

    private static IReadOnlyList<TrafficShareAnswer> Shares(IEnumerable<Wire.TrafficShare> shares) =>
        [.. shares.Select(share => new TrafficShareAnswer(share.Value, share.Share))];
}
