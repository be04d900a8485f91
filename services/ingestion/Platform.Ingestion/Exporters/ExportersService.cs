using System.Net;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Platform.EventStore;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Ingestion.V1;

namespace Platform.Ingestion.Exporters;

/// <summary>Devices that send flows, for the provider's staff.</summary>
internal sealed class ExportersService(
    StreamStore store, ListExporters list, GetExporter get, ExporterRegistry registry, TimeProvider clock) : Wire.Exporters.ExportersBase
{
    [Authorize(Policy = Policies.ProviderOperate)]
    public override async Task<Wire.RegisterExporterResponse> RegisterExporter(
        Wire.RegisterExporterRequest request, ServerCallContext context)
    {
        var now = clock.GetUtcNow();
        var command = new RegisterExporter(
            Guid.CreateVersion7(now), Normal(request.Address), request.Name, request.SamplingRate, request.ExpectedProtocol is "" ? null : request.ExpectedProtocol, now);
        var exporters = store.Tenant(TenantId.Provider);
        var key = StreamKey(command.Address);
        var decision = await exporters.Handle(
            ExporterState.Stream,
            key,
            state => ExporterDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);
        decision.OrThrow();
        var (state, _) = await exporters.Load(ExporterState.Stream, key, context.CancellationToken);
        return new Wire.RegisterExporterResponse { ExporterId = state.ExporterId.ToString("D") };
    }

    [Authorize(Policy = Policies.ProviderRead)]
    public override async Task<Wire.ListExportersResponse> ListExporters(Wire.ListExportersRequest request, ServerCallContext context)
    {
        if (request.PageSize is < 0 or > Exporters.ListExporters.GreatestPageSize)
        {
            throw ExporterRejections.PageSizeOutOfRange(request.PageSize).ToRpcException();
        }

        PageToken? after = null;
        if (request.PageToken.Length > 0 && !PageToken.TryParse(request.PageToken, out after))
        {
            throw ExporterRejections.PageTokenInvalid.ToRpcException();
        }

        var (exporters, nextPageToken) = await list.Query(
            after, request.PageSize == 0 ? Exporters.ListExporters.DefaultPageSize : request.PageSize, context.CancellationToken);
        var response = new Wire.ListExportersResponse { NextPageToken = nextPageToken };
        response.Exporters.AddRange(exporters);
        return response;
    }

    [Authorize(Policy = Policies.ProviderRead)]
    public override async Task<Wire.GetExporterResponse> GetExporter(Wire.GetExporterRequest request, ServerCallContext context) =>
        await get.Query(Normal(request.Address), context.CancellationToken) is { } exporter
            ? new Wire.GetExporterResponse { Exporter = exporter }
            : throw ExporterRejections.Unknown.ToRpcException();

    [Authorize(Policy = Policies.ProviderOperate)]
    public override async Task<Wire.RemoveExporterResponse> RemoveExporter(Wire.RemoveExporterRequest request, ServerCallContext context)
    {
        var command = new RemoveExporter(clock.GetUtcNow());
        var decision = await store.Tenant(TenantId.Provider).Handle(
            ExporterState.Stream,
            StreamKey(request.Address),
            state => ExporterDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);
        decision.OrThrow();
        return new Wire.RemoveExporterResponse();
    }

    [Authorize(Policy = Policies.ProviderRead)]
    public override Task<Wire.ListUnknownSendersResponse> ListUnknownSenders(Wire.ListUnknownSendersRequest request, ServerCallContext context)
    {
        var response = new Wire.ListUnknownSendersResponse { OtherDatagrams = (ulong)registry.Unknown.Others };
        response.Senders.AddRange(registry.Unknown.All.OrderByDescending(sender => sender.LastSeenMs).Select(sender => new Wire.UnknownSender
        {
            Address = sender.Address.ToString(),
            Protocol = sender.Protocol?.ToString().ToLowerInvariant() ?? "",
            Datagrams = (ulong)sender.Datagrams,
            FirstSeenAt = Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds(sender.FirstSeenMs)),
            LastSeenAt = Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds(sender.LastSeenMs)),
        }));
        return Task.FromResult(response);
    }

    private static string Normal(string address) => IPAddress.TryParse(address, out var parsed) ? parsed.ToString() : address;

    // One device is one stream. A key has no colon, an IPv6 address has: so the address as hexadecimal digits.
    private static string StreamKey(string address) =>
        IPAddress.TryParse(address, out var parsed) ? Convert.ToHexStringLower(parsed.GetAddressBytes()) : "none";
}
