using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Detection.Anomalies;

/// <summary>gRPC surface of anomalies: what was detected, and what an operator thinks of it.</summary>
internal sealed class AnomaliesService(NpgsqlDataSource database, StreamStore store, TimeProvider clock) : Wire.Anomalies.AnomaliesBase
{
    [Authorize(Policy = Policies.Read)]
    public override async Task<ListAnomaliesResponse> ListAnomalies(ListAnomaliesRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        return await ListedAnomalies.Read(database, tenant, request.OpenOnly, PageStart.Read(request.Before), request.Limit, context.CancellationToken);
    }

    [Authorize(Policy = Policies.Read)]
    public override async Task<Anomaly> GetAnomaly(GetAnomalyRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var id = Guid.TryParse(request.AnomalyId, out var parsed) ? parsed : Guid.Empty;
        return await ListedAnomalies.Find(database, tenant, id, context.CancellationToken) ?? throw AnomalyRejections.Unknown(id).ToRpcException();
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<MarkFalseResponse> MarkFalse(MarkFalseRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var id = Guid.TryParse(request.AnomalyId, out var parsed) ? parsed : Guid.Empty;
        var key = await AnomalyProposals.KeyOf(database, tenant, id, context.CancellationToken)
            ?? throw AnomalyRejections.Unknown(id).ToRpcException();
        var session = store.Tenant(tenant);
        var most = await Pulses.MostOf(database, id, context.CancellationToken);
        var command = new MarkFalse(id, context.Caller().OperatorId, request.Reason, clock.GetUtcNow(), most, context.Caller().Role);

        var (decision, anomaly) = await session.HandleAndLoad(
            KnownAnomaly.Stream(id), key, known => AnomalyDecider.Decide(known, command), context.Cause(), context.CancellationToken);

        decision.OrThrow();
        var mark = anomaly.Mark()!;
        var zone = await AnomalyProposals.ZoneOf(database, tenant, anomaly.Subject!.ObjectId, context.CancellationToken);
        return new MarkFalseResponse
        {
            Proposal = { mark.Least.Describe() },
            Bounds = ObjectWire.Bounds(mark.Target, mark.SeenFrom, mark.SeenUntil, zone),
        };
    }
}
