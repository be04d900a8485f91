using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Gateway.Access;
using Platform.Hosting;
using static Platform.Gateway.Protection.AnomalyEndpoints;
using Wire = Platform.Contracts.Grpc.Reporting.V1;

namespace Platform.Gateway.Incidents;

/// <summary><c>/incidents</c>: what happened to a customer, 90 days including today, by the calendar of Japan.</summary>
internal static class IncidentEndpoints
{
    /// <param name="IncidentId">UUID; equal to the anomaly's.</param>
    /// <param name="TenantId">Whose.</param>
    /// <param name="ServiceCode">Contract that it is about.</param>
    /// <param name="Target">Attacked prefix, CIDR notation.</param>
    /// <param name="Status">open or closed.</param>
    /// <param name="Vectors">Vectors that went over their threshold.</param>
    /// <param name="PeakBitsPerSecond">Greatest rate.</param>
    /// <param name="PeakPacketsPerSecond">Greatest rate.</param>
    /// <param name="DetectedAt">When (UTC).</param>
    /// <param name="EndedAt">When (UTC); null while the attack goes on.</param>
    /// <param name="MitigationResult">Open: active (a countermeasure is in force), not-defended or none. Closed: defended, not-helped, not-defended or none.</param>
    /// <param name="MarkedFalseAt">When an operator said that it was no attack (UTC); null: nobody did.</param>
    /// <param name="PrefixCount">How many prefixes it was spread over since it began; 0: its target alone.</param>
    public sealed record IncidentAnswer(
        string IncidentId,
        string TenantId,
        string ServiceCode,
        string Target,
        string Status,
        IReadOnlyList<string> Vectors,
        long PeakBitsPerSecond,
        long PeakPacketsPerSecond,
        DateTimeOffset DetectedAt,
        DateTimeOffset? EndedAt,
        string MitigationResult,
        DateTimeOffset? MarkedFalseAt,
        int PrefixCount);

    /// <param name="Items">Newest first.</param>
    /// <param name="NextCursor">Send as <c>cursor</c> for the next page; null on the last.</param>
    public sealed record IncidentPage(IReadOnlyList<IncidentAnswer> Items, string? NextCursor);

    /// <param name="At">When (UTC).</param>
    /// <param name="Step">anomaly-detected, mitigation-started, countermeasure-announced, ...</param>
    /// <param name="Actor">detection, mitigation or an operator's id.</param>
    /// <param name="Details">Facts of the step by name, with units in the names.</param>
    public sealed record IncidentStepAnswer(DateTimeOffset At, string Step, string Actor, IReadOnlyDictionary<string, string> Details);

    /// <param name="Incident">The incident.</param>
    /// <param name="Timeline">Oldest first.</param>
    /// <param name="Prefixes">What it is spread over where that is more than the target, at most 32: greatest share first. Empty as well where it was recorded before this was told.</param>
    public sealed record IncidentWithTimeline(
        IncidentAnswer Incident, IReadOnlyList<IncidentStepAnswer> Timeline, IReadOnlyList<AttackedPrefixAnswer> Prefixes);

    public static void MapIncidents(this IEndpointRouteBuilder routes)
    {
        var incidents = routes.MapGroup("/incidents").WithTags("Incidents").OfTenant();
        incidents.MapGet("", List).RequireAuthorization(Policies.Read)
            .WithSummary("Incidents of the tenant, newest first; for the provider's staff of all tenants unless one is named.").Refuses(404, 422);
        incidents.MapGet("/{incidentId:guid}", Get).RequireAuthorization(Policies.Read)
            .WithSummary("One incident with its timeline.").Refuses(404);
        incidents.MapGet("/events", ServerSentIncidents.Stream).RequireAuthorization(Policies.Read)
            .WithSummary("Server-sent events: an `incident` event for each new step. Lasts as long as the session.")
            .Produces<string>(contentType: "text/event-stream").Refuses(404);
    }

    private static async Task<Ok<IncidentPage>> List(
        HttpContext http, Wire.Incidents.IncidentsClient incidents, string serviceCode = "", int limit = 0, string cursor = "")
    {
        var answer = await incidents.ListIncidentsAsync(new Wire.ListIncidentsRequest
        {
            TenantId = TenantScope.Of(http),
            ServiceCode = serviceCode,
            PageSize = limit,
            PageToken = cursor,
        });
        return TypedResults.Ok(new IncidentPage(
            [.. answer.Incidents.Select(ToAnswer)], answer.NextPageToken.Length == 0 ? null : answer.NextPageToken));
    }

    private static async Task<Ok<IncidentWithTimeline>> Get(Guid incidentId, HttpContext http, Wire.Incidents.IncidentsClient incidents)
    {
        var answer = await incidents.GetIncidentAsync(
            new Wire.GetIncidentRequest { TenantId = TenantScope.Of(http), IncidentId = incidentId.ToString() });
        return TypedResults.Ok(new IncidentWithTimeline(
            ToAnswer(answer.Incident),
            [.. answer.Timeline.Select(s => new IncidentStepAnswer(s.At.ToDateTimeOffset(), s.Step, s.Actor, s.Details.ToDictionary()))],
            [.. answer.Prefixes.Select(one => new AttackedPrefixAnswer(one.Prefix, one.Share, one.PeakShare, one.Since.ToDateTimeOffset()))]));
    }

    private static IncidentAnswer ToAnswer(Wire.Incident incident) => new(
        incident.IncidentId,
        incident.TenantId,
        incident.ServiceCode,
        incident.Target,
        incident.Status,
        incident.Vectors,
        incident.PeakBitsPerSecond,
        incident.PeakPacketsPerSecond,
        incident.DetectedAt.ToDateTimeOffset(),
        incident.EndedAt.ToInstant(),
        incident.MitigationResult,
        incident.MarkedFalseAt.ToInstant(),
        incident.PrefixCount);
}
