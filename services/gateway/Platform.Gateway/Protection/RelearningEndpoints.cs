using Google.Protobuf.WellKnownTypes;
using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Gateway.Access;
using Platform.Hosting;
using static Platform.Gateway.Protection.ProtectedObjectEndpoints;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Gateway.Protection;

/// <summary><c>/protected-objects/{id}/learned</c> and <c>/relearning</c>: what was learned, what a period says about thresholds, and putting that in force.</summary>
internal static class RelearningEndpoints
{
    /// <param name="Median">Of the highest seconds of the minutes that were learned from.</param>
    /// <param name="P95">95 % of the minutes stay at or below.</param>
    /// <param name="P99">99 %.</param>
    /// <param name="P999">99.9 %.</param>
    /// <param name="Highest">The highest second of all.</param>
    public sealed record DistributionAnswer(long Median, long P95, long P99, long P999, long Highest);

    /// <param name="Times">Runs of minutes with a second over it, in the last 30 days.</param>
    /// <param name="InAnomalies">Of them those in minutes with an anomaly.</param>
    public sealed record FiringsAnswer(int Times, int InAnomalies);

    /// <param name="Vector">total, udp, icmp, ... (the vectors of telemetry).</param>
    /// <param name="Level">host, prefix or object.</param>
    /// <param name="Direction">in or out.</param>
    /// <param name="Unit">bits, packets or flows: of every rate here, per second.</param>
    /// <param name="Old">What is set; 0: not watched.</param>
    /// <param name="Proposed">What the period says.</param>
    /// <param name="Seen">Evidence.</param>
    /// <param name="OldFired">How often what is set would have fired.</param>
    /// <param name="ProposedFired">How often what is proposed would have fired.</param>
    public sealed record RelearnedRateAnswer(
        string Vector,
        string Level,
        string Direction,
        string Unit,
        long Old,
        long Proposed,
        DistributionAnswer Seen,
        FiringsAnswer OldFired,
        FiringsAnswer ProposedFired);

    /// <param name="From">Start of the period that was learned from (UTC): as asked, but not before AddressesSince.</param>
    /// <param name="Until">Its end, exclusive (UTC).</param>
    /// <param name="Version">Version of the object whose thresholds are the old ones; send it as If-Match when applying.</param>
    /// <param name="Fingerprint">Another text when anything else is proposed; send it when applying.</param>
    /// <param name="LearnedMinutes">Minutes of the period that were learned from.</param>
    /// <param name="RefusedMinutes">Minutes that were not, because an anomaly was open that nobody marked false.</param>
    /// <param name="FiredMinutes">Minutes of the last 30 days over which firings were counted.</param>
    /// <param name="Rates">One per vector, level and unit.</param>
    /// <param name="OfAnomalies">A warning: fewer than 60 minutes were without an anomaly, so those with one were learned from too.</param>
    /// <param name="AddressesSince">The object has had its addresses since then (UTC): what it had before, with others, neither taught nor is counted. Null: for longer than what was looked at.</param>
    public sealed record RelearningAnswer(
        DateTimeOffset From,
        DateTimeOffset Until,
        long Version,
        string Fingerprint,
        int LearnedMinutes,
        int RefusedMinutes,
        int FiredMinutes,
        IReadOnlyList<RelearnedRateAnswer> Rates,
        bool OfAnomalies,
        DateTimeOffset? AddressesSince);

    /// <param name="Vector">total, udp, icmp, ... (the vectors of telemetry).</param>
    /// <param name="Level">host, prefix or object.</param>
    /// <param name="Unit">bits or packets: of every rate here, per second.</param>
    /// <param name="Usual">At this hour of the week.</param>
    /// <param name="Allowed">For as long as one likes.</param>
    /// <param name="Burst">Beyond it, before it adds up to an anomaly.</param>
    public sealed record LearnedRateAnswer(string Vector, string Level, string Unit, long Usual, long Allowed, long Burst);

    /// <param name="Phase">learning, ready or stale.</param>
    /// <param name="Coverage">Share of the hours of the week that were seen, 0 to 1.</param>
    /// <param name="LearnedMinutes">How long.</param>
    /// <param name="LearnedUntil">Newest second that was learned (UTC); null before the first.</param>
    /// <param name="Trend">The newest days beside the weeks before: 1.1 is ten percent more.</param>
    /// <param name="Rates">Traffic in, at this hour: judged by in mode apply, a proposal in mode propose.</param>
    public sealed record LearnedAnswer(
        string Phase, double Coverage, long LearnedMinutes, DateTimeOffset? LearnedUntil, double Trend, IReadOnlyList<LearnedRateAnswer> Rates);

    /// <param name="From">Period of the report: its start.</param>
    /// <param name="Until">Its end, exclusive.</param>
    /// <param name="Fingerprint">Of the report that was seen.</param>
    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    public sealed record ApplyRelearningRequest(
        DateTimeOffset? From = null, DateTimeOffset? Until = null, string Fingerprint = "", string Reason = "");

    public static void MapRelearning(this IEndpointRouteBuilder routes)
    {
        routes.MapGroup("/protected-objects/{objectId:guid}/learned").WithTags("Protection").OfTenant()
            .MapGet("", Learned).RequireAuthorization(Policies.Read)
            .WithSummary("What was learned so far, how sure that is, and what it allows at this hour.").Refuses(404);
        var relearning = routes.MapGroup("/protected-objects/{objectId:guid}/relearning").WithTags("Protection").OfTenant();
        relearning.MapGet("", Report).RequireAuthorization(Policies.Read)
            .WithSummary("What a period (at most 63 days back) says about the thresholds, with evidence; changes nothing.").Refuses(404, 422);
        relearning.MapPost("/application", Apply).RequireAuthorization(Policies.Operate)
            .WithSummary("Put what a report proposed in force, in one step; honours If-Match with the version.").Refuses(404, 409, 412, 422);
    }

    private static async Task<Ok<LearnedAnswer>> Learned(Guid objectId, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects)
    {
        var learned = await objects.GetLearnedAsync(new Wire.GetLearnedRequest { TenantId = TenantScope.Of(http), ObjectId = objectId.ToString() });
        return TypedResults.Ok(new LearnedAnswer(
            learned.Phase,
            learned.Coverage,
            learned.LearnedMinutes,
            learned.LearnedUntil.ToInstant(),
            learned.Trend,
            [.. learned.Rates.Select(rate => new LearnedRateAnswer(rate.Vector, rate.Level, rate.Unit, rate.Usual, rate.Allowed, rate.Burst))]));
    }

    private static async Task<Ok<RelearningAnswer>> Report(
        Guid objectId,
        HttpContext http,
        Wire.ProtectedObjects.ProtectedObjectsClient objects,
        DateTimeOffset? from = null,
        DateTimeOffset? until = null)
    {
        var report = await objects.ReportRelearningAsync(new Wire.ReportRelearningRequest
        {
            TenantId = TenantScope.Of(http),
            ObjectId = objectId.ToString(),
            From = Wired(from),
            Until = Wired(until),
        });
        return TypedResults.Ok(new RelearningAnswer(
            report.From.ToDateTimeOffset(),
            report.Until.ToDateTimeOffset(),
            report.Version,
            report.Fingerprint,
            report.LearnedMinutes,
            report.RefusedMinutes,
            report.FiredMinutes,
            [.. report.Rates.Select(Describe)],
            report.OfAnomalies,
            report.AddressesSince.ToInstant()));
    }

    private static Task<Results<Ok<ThresholdsChangedAnswer>, ProblemHttpResult>> Apply(
        Guid objectId, ApplyRelearningRequest request, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects) => Changed(
        http,
        async expected => (await objects.ApplyRelearningAsync(new Wire.ApplyRelearningRequest
        {
            TenantId = TenantScope.Of(http),
            ObjectId = objectId.ToString(),
            From = Wired(request.From),
            Until = Wired(request.Until),
            Fingerprint = request.Fingerprint,
            ExpectedVersion = expected,
            Reason = request.Reason,
        })).Version);

    private static RelearnedRateAnswer Describe(Wire.RelearnedRate rate) => new(
        rate.Vector,
        rate.Level,
        rate.Direction,
        rate.Unit,
        rate.Old,
        rate.Proposed,
        new DistributionAnswer(rate.Median, rate.P95, rate.P99, rate.P999, rate.Highest),
        new FiringsAnswer(rate.OldFired, rate.OldFiredInAnomalies),
        new FiringsAnswer(rate.ProposedFired, rate.ProposedFiredInAnomalies));

    private static Timestamp? Wired(DateTimeOffset? time) => time is { } known ? Timestamp.FromDateTimeOffset(known) : null;
}
