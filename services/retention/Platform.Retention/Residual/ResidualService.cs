using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Platform.EventStore;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Retention.V1;

namespace Platform.Retention.Residual;

/// <summary>
/// What stays, for the provider's operators and maintainers only; each read is on record before its rows leave (R18).
/// </summary>
internal sealed class ResidualService(
    ListResidualDetections detections, ListResidualConfigurations configurations, StreamStore store, TimeProvider clock)
    : Wire.Residual.ResidualBase
{
    [Authorize(Policy = Policies.ProviderOperate)]
    public override async Task<Wire.ListResidualDetectionsResponse> ListResidualDetections(
        Wire.ListResidualDetectionsRequest request, ServerCallContext context)
    {
        var found = await detections.Query(Parse(request.Target), context.CancellationToken);
        await Record("residual-detection", request.Purpose, found.Count, context);
        var response = new Wire.ListResidualDetectionsResponse();
        response.Detections.AddRange(found);
        return response;
    }

    [Authorize(Policy = Policies.ProviderOperate)]
    public override async Task<Wire.ListResidualConfigurationsResponse> ListResidualConfigurations(
        Wire.ListResidualConfigurationsRequest request, ServerCallContext context)
    {
        var found = await configurations.Query(Parse(request.Prefix), context.CancellationToken);
        await Record("residual-configuration", request.Purpose, found.Count, context);
        var response = new Wire.ListResidualConfigurationsResponse();
        response.Configurations.AddRange(found);
        return response;
    }

    private async Task Record(string dataClass, string purpose, int rows, ServerCallContext context)
    {
        var now = clock.GetUtcNow();
        var command = new ReadResidualData(
            Guid.CreateVersion7(now), dataClass, context.Caller().OperatorId, purpose, rows, now);
        var decision = await store.Tenant(TenantId.Provider).Handle(
            ResidualReadState.Stream,
            $"{command.ReadId:D}",
            state => ResidualReadDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);
        decision.OrThrow();
        Telemetry.ResidualRead(dataClass);
    }

    private static IPNetwork? Parse(string prefix)
    {
        if (prefix.Length == 0)
        {
            return null;
        }

        if (IPAddress.TryParse(prefix, out var address))
        {
            return new IPNetwork(address, address.AddressFamily is AddressFamily.InterNetwork ? 32 : 128);
        }

        return IPNetwork.TryParse(prefix, out var network)
            ? network
            : throw ResidualRejections.PrefixInvalid.ToRpcException();
    }
}
