using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Gateway.Access;
using Platform.Gateway.Problems;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Gateway.Protection;

/// <summary><c>/protected-objects</c>: what is watched, and from which rate on.</summary>
internal static class ProtectedObjectEndpoints
{
    /// <param name="Vector">total, udp, icmp or tcp-syn.</param>
    /// <param name="BitsPerSecond">0: not watched.</param>
    /// <param name="PacketsPerSecond">0: not watched.</param>
    public sealed record ThresholdContent(string Vector, long BitsPerSecond, long PacketsPerSecond);

    /// <param name="Thresholds">All thresholds from now on.</param>
    public sealed record ChangeThresholdsRequest(IReadOnlyList<ThresholdContent> Thresholds);

    public sealed record ThresholdsChangedAnswer(long Version);

    /// <param name="ObjectId">UUID.</param>
    /// <param name="ServiceCode">Contract that it belongs to.</param>
    /// <param name="Name">What it is called.</param>
    /// <param name="Prefixes">CIDR notation.</param>
    /// <param name="Thresholds">In force.</param>
    /// <param name="Version">Version of prefixes and thresholds; send it as If-Match with a change.</param>
    public sealed record ProtectedObjectAnswer(
        string ObjectId,
        string ServiceCode,
        string Name,
        IReadOnlyList<string> Prefixes,
        IReadOnlyList<ThresholdContent> Thresholds,
        long Version);

    public static void MapProtectedObjects(this IEndpointRouteBuilder routes)
    {
        var objects = routes.MapGroup("/protected-objects").WithTags("Protection").OfTenant();
        objects.MapGet("", List).RequireAuthorization(Policies.Read)
            .WithSummary("Objects of the tenant with their thresholds; the provider's staff name a tenant.").Refuses(404);
        objects.MapPut("/{objectId:guid}/thresholds", Change).RequireAuthorization(Policies.Operate)
            .WithSummary("Replace the thresholds; honours If-Match with the version.").Refuses(404, 409, 412, 422);
    }

    private static async Task<Ok<ListAnswer<ProtectedObjectAnswer>>> List(
        HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects)
    {
        var answer = await objects.ListProtectedObjectsAsync(new Wire.ListProtectedObjectsRequest { TenantId = TenantScope.Of(http) });
        return TypedResults.Ok(ListAnswer<ProtectedObjectAnswer>.Of(answer.Objects, item => new ProtectedObjectAnswer(
            item.ObjectId,
            item.ServiceCode,
            item.Name,
            item.Prefixes,
            [.. item.Thresholds.Select(t => new ThresholdContent(t.Vector, t.BitsPerSecond, t.PacketsPerSecond))],
            item.Version)));
    }

    private static async Task<Results<Ok<ThresholdsChangedAnswer>, ProblemHttpResult>> Change(
        Guid objectId, ChangeThresholdsRequest request, HttpContext http, Wire.ProtectedObjects.ProtectedObjectsClient objects)
    {
        var seen = http.Request.Headers.IfMatch.ToString();
        var expected = 0L;
        if (seen.Length > 0 && !long.TryParse(seen.Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out expected))
        {
            return Problem.Of(400, "If-Match must be a version, for example \"3\".");
        }

        var answer = await objects.ChangeThresholdsAsync(new Wire.ChangeThresholdsRequest
        {
            TenantId = TenantScope.Of(http),
            ObjectId = objectId.ToString(),
            ExpectedVersion = expected,
            Thresholds =
            {
                request.Thresholds.Select(t => new Wire.Threshold
                {
                    Vector = t.Vector,
                    BitsPerSecond = t.BitsPerSecond,
                    PacketsPerSecond = t.PacketsPerSecond,
                }),
            },
        });
        return TypedResults.Ok(new ThresholdsChangedAnswer(answer.Version));
    }
}
