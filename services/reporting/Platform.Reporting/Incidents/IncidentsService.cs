using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Platform.EventStore;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Reporting.V1;

namespace Platform.Reporting.Incidents;

/// <summary>What happened to a customer: the days shown are counted in Japan, today included.</summary>
internal sealed class IncidentsService(ListIncidents list, GetIncident get, EventFeed feed, TimeProvider clock)
    : Wire.Incidents.IncidentsBase
{
    /// <summary>Days for which incidents are shown, today included (R33, R35).</summary>
    public const int DaysShown = 90;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    [Authorize(Policy = Policies.Read)]
    public override async Task<Wire.ListIncidentsResponse> ListIncidents(
        Wire.ListIncidentsRequest request, ServerCallContext context)
    {
        if (request.PageSize is < 0 or > Incidents.ListIncidents.GreatestPageSize)
        {
            throw IncidentRejections.PageSizeOutOfRange(request.PageSize).ToRpcException();
        }

        PageToken? after = null;
        if (request.PageToken.Length > 0 && !PageToken.TryParse(request.PageToken, out after))
        {
            throw IncidentRejections.PageTokenInvalid.ToRpcException();
        }

        await Current(context.CancellationToken);
        var (incidents, nextPageToken) = await list.Query(
            context.Caller().TenantOrAll(request.TenantId),
            request.ServiceCode,
            ShownSince,
            after,
            request.PageSize == 0 ? Incidents.ListIncidents.DefaultPageSize : request.PageSize,
            context.CancellationToken);
        var response = new Wire.ListIncidentsResponse { NextPageToken = nextPageToken };
        response.Incidents.AddRange(incidents);
        return response;
    }

    [Authorize(Policy = Policies.Read)]
    public override async Task<Wire.GetIncidentResponse> GetIncident(
        Wire.GetIncidentRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantOrAll(request.TenantId);
        await Current(context.CancellationToken);
        return Guid.TryParse(request.IncidentId, out var incidentId)
            && await get.Query(tenant, incidentId, ShownSince, context.CancellationToken) is { } found
                ? found
                : throw IncidentRejections.NotFound.ToRpcException();
    }

    /// <summary>
    /// A page that was just told of a change asks at once. What was appended before the question is in the answer,
    /// unless the view is
    /// stuck: then an older answer is better than none.
    /// </summary>
    private async Task Current(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            await feed.CatchUp(IncidentTimelines.Checkpoint, patience.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Telemetry.StaleAnswer();
        }
    }

    private DateTimeOffset ShownSince => JapanCalendar.StartOfLastDays(clock.GetUtcNow(), DaysShown);
}
