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
        IReadOnlyList<ThresholdContent> Proposal);

    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    public sealed record MarkFalseRequest(string Reason);

    /// <param name="Proposal">Thresholds under which it would not have been an anomaly.</param>
    public sealed record ProposalAnswer(IReadOnlyList<ThresholdContent> Proposal);

    public static void MapAnomalies(this IEndpointRouteBuilder routes)
    {
        var anomalies = routes.MapGroup("/anomalies").WithTags("Protection").OfTenant();
        anomalies.MapGet("", List).RequireAuthorization(Policies.Read)
            .WithSummary("Anomalies of the tenant, newest first, at most 200.").Refuses(404);
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
        return TypedResults.Ok(new ProposalAnswer([.. answer.Proposal.Select(ThresholdContent.Of)]));
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

    private static async Task<Ok<ListAnswer<AnomalyAnswer>>> List(
        HttpContext http, Wire.Anomalies.AnomaliesClient anomalies, bool openOnly = false)
    {
        var answer = await anomalies.ListAnomaliesAsync(
            new Wire.ListAnomaliesRequest { TenantId = TenantScope.Of(http), OpenOnly = openOnly });
        return TypedResults.Ok(ListAnswer<AnomalyAnswer>.Of(answer.Anomalies, anomaly => new AnomalyAnswer(
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
            [.. anomaly.Proposal.Select(ThresholdContent.Of)])));
    }
}
