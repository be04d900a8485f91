using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Gateway.Access;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Notifications.V1;

namespace Platform.Gateway.Notices;

/// <summary><c>/notices</c>: what the portal tells a customer.</summary>
internal static class NoticeEndpoints
{
    /// <param name="NoticeId">UUID.</param>
    /// <param name="ServiceCode">Null when it is about none.</param>
    /// <param name="Kind">anomaly-detected, countermeasure-proposed, countermeasure-announced, anomaly-ended, mitigation-failed or erasure-certified.</param>
    /// <param name="Details">What a page needs to say it in its own language.</param>
    /// <param name="PublishedAt">When (UTC).</param>
    public sealed record NoticeAnswer(
        string NoticeId, string? ServiceCode, string Kind, IReadOnlyDictionary<string, string> Details, DateTimeOffset PublishedAt);

    public static void MapNotices(this IEndpointRouteBuilder routes) =>
        routes.MapGroup("/notices").WithTags("Notices").OfTenant().MapGet("", List).RequireAuthorization(Policies.Read)
            .WithSummary("Notices of the tenant, newest first, at most 200.").Refuses(404);

    private static async Task<Ok<ListAnswer<NoticeAnswer>>> List(HttpContext http, Wire.Notices.NoticesClient notices)
    {
        var answer = await notices.ListNoticesAsync(new Wire.ListNoticesRequest { TenantId = TenantScope.Of(http) });
        return TypedResults.Ok(ListAnswer<NoticeAnswer>.Of(answer.Notices, notice => new NoticeAnswer(
            notice.NoticeId,
            notice.ServiceCode.Length == 0 ? null : notice.ServiceCode,
            notice.Kind,
            notice.Details.ToDictionary(),
            notice.PublishedAt.ToDateTimeOffset())));
    }
}
