using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Retention.V1;

namespace Platform.Retention.Erasures;

/// <summary>Ended contracts and the death of their data, for the provider's staff.</summary>
internal sealed class ErasuresService(ListErasures list) : Wire.Erasures.ErasuresBase
{
    [Authorize(Policy = Policies.ProviderRead)]
    public override async Task<Wire.ListErasuresResponse> ListErasures(
        Wire.ListErasuresRequest request, ServerCallContext context)
    {
        var response = new Wire.ListErasuresResponse();
        response.Erasures.AddRange(await list.Query(request.ServiceCode, context.CancellationToken));
        return response;
    }
}
