using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Gateway.Access;
using Platform.Hosting;
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
    public sealed record AnomalyAnswer(
        string AnomalyId,
        string ServiceCode,
        string ObjectId,
        string Target,
        IReadOnlyList<string> Vectors,
        long PeakBitsPerSecond,
        long PeakPacketsPerSecond,
        DateTimeOffset DetectedAt,
        DateTimeOffset? EndedAt);

    public static void MapAnomalies(this IEndpointRouteBuilder routes) =>
        routes.MapGroup("/anomalies").WithTags("Protection").OfTenant().MapGet("", List).RequireAuthorization(Policies.Read)
            .WithSummary("Anomalies of the tenant, newest first, at most 200.").Refuses(404);

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
            anomaly.EndedAt.ToInstant())));
    }
}
