using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Reporting.V1;

namespace Platform.Reporting.Incidents;

/// <summary>What happened to a customer: the days shown are counted in Japan, today included.</summary>
internal sealed class IncidentsService(ListIncidents list, GetIncident get, TimeProvider clock) : Wire.Incidents.IncidentsBase
{
    /// <summary>Days for which incidents are shown, today included (R33, R35).</summary>
    public const int DaysShown = 90;

    [Authorize(Policy = Policies.Read)]
    public override async Task<Wire.ListIncidentsResponse> ListIncidents(Wire.ListIncidentsRequest request, ServerCallContext context)
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
    public override async Task<Wire.GetIncidentResponse> GetIncident(Wire.GetIncidentRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantOrAll(request.TenantId);
        return Guid.TryParse(request.IncidentId, out var incidentId)
            && await get.Query(tenant, incidentId, ShownSince, context.CancellationToken) is { } found
                ? found
                : throw IncidentRejections.NotFound.ToRpcException();
    }

    private DateTimeOffset ShownSince => JapanCalendar.StartOfLastDays(clock.GetUtcNow(), DaysShown);
}
