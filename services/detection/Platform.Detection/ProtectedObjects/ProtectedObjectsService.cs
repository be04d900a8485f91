using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.EventStore;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Detection.ProtectedObjects;

/// <summary>gRPC surface of protected objects: what is watched, and from which rate on.</summary>
internal sealed class ProtectedObjectsService(NpgsqlDataSource database, StreamStore store, TimeProvider clock)
    : Wire.ProtectedObjects.ProtectedObjectsBase
{
    [Authorize(Policy = Policies.Read)]
    public override async Task<ListProtectedObjectsResponse> ListProtectedObjects(
        ListProtectedObjectsRequest request, ServerCallContext context)
    {
        var tenant = context.Caller().TenantFor(request.TenantId);
        var rows = await ListedObjects.Read(database, tenant, context.CancellationToken);
        return new ListProtectedObjectsResponse { Objects = { rows } };
    }

    [Authorize(Policy = Policies.Operate)]
    public override async Task<ChangeThresholdsResponse> ChangeThresholds(ChangeThresholdsRequest request, ServerCallContext context)
    {
        var session = store.Tenant(context.Caller().TenantFor(request.TenantId));
        var id = Guid.TryParse(request.ObjectId, out var parsed) ? parsed : Guid.Empty; // an id of nobody: not found
        var command = new ChangeThresholds(
            id,
            [.. request.Thresholds.Select(Read)],
            request.ExpectedVersion == 0 ? null : request.ExpectedVersion,
            clock.GetUtcNow());

        var decision = await session.Handle(
            ProtectedObjectState.Stream,
            id.ToString(),
            state => ProtectedObjectDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);

        decision.OrThrow();
        var (state, _) = await session.Load(ProtectedObjectState.Stream, id.ToString(), context.CancellationToken);
        return new ChangeThresholdsResponse { Version = state.Content!.Version };
    }

    private static Threshold Read(Wire.Threshold threshold) => new(
        TrafficNames.FindVector(threshold.Vector) ?? throw ProtectedObjectRejections.VectorUnknown(threshold.Vector).ToRpcException(),
        threshold.BitsPerSecond == 0 ? null : threshold.BitsPerSecond,
        threshold.PacketsPerSecond == 0 ? null : threshold.PacketsPerSecond);
}
