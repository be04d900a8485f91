using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Gateway.Access;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Gateway.Protection;

/// <summary><c>/security-events</c> and <c>/bandwidth-excesses</c>: what who watches over security should know.</summary>
internal static class SecurityEventEndpoints
{
    /// <param name="EventId">UUID.</param>
    /// <param name="At">When (UTC).</param>
    /// <param name="Severity">info, low, medium, high or critical.</param>
    /// <param name="Kind">anomaly-detected, bandwidth-exceeded, telemetry-lost, exporter-silent, ... (open set).</param>
    /// <param name="Subject">A prefix, a service code, the address of an exporter, a partition.</param>
    /// <param name="Sentence">In words.</param>
    /// <param name="ServiceCode">Contract; empty when it is about none.</param>
    /// <param name="SentenceJa">In words, in Japanese; of events of earlier releases without figures.</param>
    public sealed record SecurityEventAnswer(
        string EventId, DateTimeOffset At, string Severity, string Kind, string Subject, string Sentence, string ServiceCode, string SentenceJa);

    /// <param name="Items">Newest first.</param>
    /// <param name="Next">Send it as <c>before</c> for the page after this one; empty: there is none.</param>
    public sealed record SecurityEventsAnswer(IReadOnlyList<SecurityEventAnswer> Items, string Next);

    /// <param name="ObjectId">UUID.</param>
    /// <param name="ServiceCode">Contract.</param>
    /// <param name="DeclaredBitsPerSecond">What it declares as the most.</param>
    /// <param name="PeakBitsPerSecond">Mean of the busiest minute; while it goes on, one that had up to a quarter more may not be told yet.</param>
    /// <param name="Since">Start of the first minute above (UTC).</param>
    /// <param name="Until">End of the last one (UTC); null while it goes on.</param>
    public sealed record BandwidthExcessAnswer(
        string ObjectId, string ServiceCode, long DeclaredBitsPerSecond, long PeakBitsPerSecond, DateTimeOffset Since, DateTimeOffset? Until);

    /// <param name="Items">Newest first.</param>
    /// <param name="Next">Send it as <c>before</c> for the page after this one; empty: there is none.</param>
    public sealed record BandwidthExcessesAnswer(IReadOnlyList<BandwidthExcessAnswer> Items, string Next);

    public static void MapSecurityEvents(this IEndpointRouteBuilder routes)
    {
        routes.MapGroup("/security-events").WithTags("Protection").OfTenant()
            .MapGet("", List).RequireAuthorization(Policies.Read)
            .WithSummary("Security events of the tenant, newest first; the provider's staff get those of its network without a tenant.").Refuses(404, 422);
        routes.MapGroup("/bandwidth-excesses").WithTags("Protection").OfTenant()
            .MapGet("", Excesses).RequireAuthorization(Policies.Read)
            .WithSummary("Traffic above what contracts declare, apart from attacks, newest first.").Refuses(404, 422);
    }

    private static async Task<Ok<SecurityEventsAnswer>> List(
        HttpContext http,
        Wire.SecurityEvents.SecurityEventsClient events,
        string leastSeverity = "",
        string[]? kind = null,
        string before = "",
        int limit = 0)
    {
        var answer = await events.ListSecurityEventsAsync(new Wire.ListSecurityEventsRequest
        {
            TenantId = TenantScope.Of(http),
            LeastSeverity = leastSeverity,
            Kinds = { kind ?? [] },
            Before = before,
            Limit = limit,
        });
        return TypedResults.Ok(new SecurityEventsAnswer(
            [.. answer.Events.Select(e => new SecurityEventAnswer(e.EventId, e.At.ToDateTimeOffset(), e.Severity, e.Kind, e.Subject, e.Sentence, e.ServiceCode, e.SentenceJa))],
            answer.Next));
    }

    private static async Task<Ok<BandwidthExcessesAnswer>> Excesses(
        HttpContext http, Wire.SecurityEvents.SecurityEventsClient events, string before = "", int limit = 0)
    {
        var answer = await events.ListBandwidthExcessesAsync(
            new Wire.ListBandwidthExcessesRequest { TenantId = TenantScope.Of(http), Before = before, Limit = limit });
        return TypedResults.Ok(new BandwidthExcessesAnswer(
            [
                .. answer.Excesses.Select(excess => new BandwidthExcessAnswer(
                    excess.ObjectId,
                    excess.ServiceCode,
                    excess.DeclaredBitsPerSecond,
                    excess.PeakBitsPerSecond,
                    excess.Since.ToDateTimeOffset(),
                    excess.Until.ToInstant())),
            ],
            answer.Next));
    }
}
