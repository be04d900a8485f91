using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Detection.Anomalies;

/// <summary>gRPC surface of anomalies: what was detected.</summary>
internal sealed class AnomaliesService(NpgsqlDataSource database) : Wire.Anomalies.AnomaliesBase
{
    [Authorize(Policy = Policies.Read)]
    public override async Task<ListAnomaliesResponse> ListAnomalies(ListAnomaliesRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var rows = await ListedAnomalies.Read(database, tenant, request.OpenOnly, context.CancellationToken);
        return new ListAnomaliesResponse { Anomalies = { rows } };
    }
}
