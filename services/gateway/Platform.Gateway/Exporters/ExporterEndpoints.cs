using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Ingestion.V1;

namespace Platform.Gateway.Exporters;

/// <summary><c>/exporters</c>: devices that send flows. Provider only.</summary>
internal static class ExporterEndpoints
{
    /// <param name="Address">Source address of its datagrams.</param>
    /// <param name="Name">What operators call it, 1 to 100 characters.</param>
    /// <param name="SamplingRate">One packet in N, overriding what the exporter says; 0 or absent: believe the exporter.</param>
    public sealed record RegisterExporterRequest(string Address, string Name, uint SamplingRate = 0);

    public sealed record ExporterRegisteredAnswer(string ExporterId);

    /// <param name="ExporterId">UUID.</param>
    /// <param name="Address">Source address of its datagrams.</param>
    /// <param name="Name">What operators call it.</param>
    /// <param name="LastSeenAt">Last datagram (UTC); null when never seen.</param>
    /// <param name="Silent">No datagram for longer than the limit.</param>
    /// <param name="Datagrams">Counted since the process started.</param>
    /// <param name="Records">Flow records, counted since the process started.</param>
    /// <param name="Errors">Datagrams or parts that could not be used, by reason.</param>
    /// <param name="SamplingRate">Used for the last record: one packet in N.</param>
    public sealed record ExporterAnswer(
        string ExporterId,
        string Address,
        string Name,
        DateTimeOffset? LastSeenAt,
        bool Silent,
        ulong Datagrams,
        ulong Records,
        IReadOnlyDictionary<string, ulong> Errors,
        uint SamplingRate);

    public static void MapExporters(this IEndpointRouteBuilder routes)
    {
        var exporters = routes.MapGroup("/exporters").WithTags("Exporters");
        exporters.MapGet("", List).RequireAuthorization(Policies.ProviderRead).WithSummary("All exporters with what was seen of them.");
        exporters.MapPost("", Register).RequireAuthorization(Policies.ProviderOperate).WithSummary("Register an exporter.").Refuses(409, 422);
    }

    private static async Task<Ok<ListAnswer<ExporterAnswer>>> List(Wire.Exporters.ExportersClient exporters)
    {
        var answer = await exporters.ListExportersAsync(new Wire.ListExportersRequest());
        return TypedResults.Ok(ListAnswer<ExporterAnswer>.Of(answer.Exporters, exporter => new ExporterAnswer(
            exporter.ExporterId,
            exporter.Address,
            exporter.Name,
            exporter.LastSeenAt.ToInstant(),
            exporter.Silent,
            exporter.Datagrams,
            exporter.Records,
            exporter.Errors.ToDictionary(),
            exporter.SamplingRate)));
    }

    private static async Task<Created<ExporterRegisteredAnswer>> Register(RegisterExporterRequest request, Wire.Exporters.ExportersClient exporters)
    {
        var answer = await exporters.RegisterExporterAsync(new Wire.RegisterExporterRequest
        {
            Address = request.Address,
            Name = request.Name,
            SamplingRate = request.SamplingRate,
        });
        return TypedResults.Created((string?)null, new ExporterRegisteredAnswer(answer.ExporterId));
    }
}
