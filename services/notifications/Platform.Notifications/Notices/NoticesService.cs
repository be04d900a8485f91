using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Notifications.V1;

namespace Platform.Notifications.Notices;

/// <summary>What the portal tells a customer.</summary>
internal sealed class NoticesService(ListNotices list) : Wire.Notices.NoticesBase
{
    [Authorize(Policy = Policies.Read)]
    public override async Task<Wire.ListNoticesResponse> ListNotices(
        Wire.ListNoticesRequest request, ServerCallContext context)
    {
        var response = new Wire.ListNoticesResponse();
        response.Notices.AddRange(
            await list.Query(context.Caller().TenantFor(request.TenantId), context.CancellationToken));
        return response;
    }
}
