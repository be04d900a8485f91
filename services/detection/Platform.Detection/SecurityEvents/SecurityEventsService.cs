using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Detection.Bandwidth;
using Platform.EventStore;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Detection.SecurityEvents;

/// <summary>gRPC surface of security events: one ordered list per tenant, and traffic above what is declared.</summary>
internal sealed class SecurityEventsService(NpgsqlDataSource database) : Wire.SecurityEvents.SecurityEventsBase
{
    [Authorize(Policy = Policies.Read)]
    public override Task<ListSecurityEventsResponse> ListSecurityEvents(ListSecurityEventsRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantOrAll(request.TenantId) ?? TenantId.Provider; // without a name: the provider's network
        var least = request.LeastSeverity switch
        {
            "" or "info" => EventSeverity.Info,
            "low" => EventSeverity.Low,
            "medium" => EventSeverity.Medium,
            "high" => EventSeverity.High,
            "critical" => EventSeverity.Critical,
            _ => throw SecurityEventRejections.SeverityUnknown(request.LeastSeverity).ToRpcException(),
        };
        return ListedSecurity.Read(database, tenant, least, request.Kinds, PageStart.Read(request.Before), request.Limit, context.CancellationToken);
    }

    [Authorize(Policy = Policies.Read)]
    public override Task<ListBandwidthExcessesResponse> ListBandwidthExcesses(ListBandwidthExcessesRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        return ListedExcesses.Read(database, tenant, PageStart.Read(request.Before), request.Limit, context.CancellationToken);
    }
}
