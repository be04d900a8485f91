using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Retention.V1;

namespace Platform.Gateway.Retention;

/// <summary><c>/erasures</c> and <c>/residual</c>: ended contracts, the death of their data, and the little that stays. Provider only.</summary>
internal static class RetentionEndpoints
{
    /// <param name="ErasureId">UUID.</param>
    /// <param name="TenantId">Whose contract it was.</param>
    /// <param name="ServiceCode">Which contract.</param>
    /// <param name="Status">scheduled, due or certified.</param>
    /// <param name="TerminatedAt">When the contract ended (UTC).</param>
    /// <param name="DueAt">From this instant on nothing of it may be readable (UTC).</param>
    /// <param name="CertifiedAt">When the last owner answered (UTC); null before.</param>
    /// <param name="WaitingFor">Owners that have not answered yet.</param>
    /// <param name="Counts">What was erased, by owner and kind.</param>
    public sealed record ErasureAnswer(
        string ErasureId,
        string TenantId,
        string ServiceCode,
        string Status,
        DateTimeOffset TerminatedAt,
        DateTimeOffset DueAt,
        DateTimeOffset? CertifiedAt,
        IReadOnlyList<string> WaitingFor,
        IReadOnlyDictionary<string, long> Counts);

    /// <param name="DetectedAt">When (UTC).</param>
    /// <param name="AttackedAddress">CIDR notation.</param>
    /// <param name="VolumeBitsPerSecond">Greatest rate.</param>
    /// <param name="VolumePacketsPerSecond">Greatest rate.</param>
    /// <param name="MitigationResult">defended, not-helped, not-defended or none.</param>
    public sealed record ResidualDetectionAnswer(
        DateTimeOffset DetectedAt, string AttackedAddress, long VolumeBitsPerSecond, long VolumePacketsPerSecond, string MitigationResult);

    /// <param name="Prefixes">CIDR notation.</param>
    /// <param name="Thresholds">JSON array: vector, bits per second, packets per second.</param>
    /// <param name="Version">Of prefixes and thresholds.</param>
    public sealed record ResidualConfigurationAnswer(IReadOnlyList<string> Prefixes, string Thresholds, long Version);

    public static void MapRetention(this IEndpointRouteBuilder routes)
    {
        var retention = routes.MapGroup("").WithTags("Retention");
        retention.MapGet("/erasures", ListErasures).RequireAuthorization(Policies.ProviderRead)
            .WithSummary("All erasures, next due first.");
        retention.MapGet("/residual/detections", ListDetections).RequireAuthorization(Policies.ProviderOperate)
            .WithSummary("Residual detections; each read is recorded with its purpose.").Refuses(422);
        retention.MapGet("/residual/configurations", ListConfigurations).RequireAuthorization(Policies.ProviderOperate)
            .WithSummary("Residual configurations; each read is recorded with its purpose.").Refuses(422);
    }

    private static async Task<Ok<ListAnswer<ErasureAnswer>>> ListErasures(Wire.Erasures.ErasuresClient erasures, string serviceCode = "")
    {
        var answer = await erasures.ListErasuresAsync(new Wire.ListErasuresRequest { ServiceCode = serviceCode });
        return TypedResults.Ok(ListAnswer<ErasureAnswer>.Of(answer.Erasures, erasure => new ErasureAnswer(
            erasure.ErasureId,
            erasure.TenantId,
            erasure.ServiceCode,
            erasure.Status,
            erasure.TerminatedAt.ToDateTimeOffset(),
            erasure.DueAt.ToDateTimeOffset(),
            erasure.CertifiedAt.ToInstant(),
            erasure.WaitingFor,
            erasure.Counts.ToDictionary())));
    }

    private static async Task<Ok<ListAnswer<ResidualDetectionAnswer>>> ListDetections(
        string purpose, Wire.Residual.ResidualClient residual, string target = "")
    {
        var answer = await residual.ListResidualDetectionsAsync(new Wire.ListResidualDetectionsRequest { Target = target, Purpose = purpose });
        return TypedResults.Ok(ListAnswer<ResidualDetectionAnswer>.Of(answer.Detections, detection => new ResidualDetectionAnswer(
            detection.DetectedAt.ToDateTimeOffset(),
            detection.AttackedAddress,
            detection.VolumeBitsPerSecond,
            detection.VolumePacketsPerSecond,
            detection.MitigationResult)));
    }

    private static async Task<Ok<ListAnswer<ResidualConfigurationAnswer>>> ListConfigurations(
        string purpose, Wire.Residual.ResidualClient residual, string prefix = "")
    {
        var answer = await residual.ListResidualConfigurationsAsync(
            new Wire.ListResidualConfigurationsRequest { Prefix = prefix, Purpose = purpose });
        return TypedResults.Ok(ListAnswer<ResidualConfigurationAnswer>.Of(
            answer.Configurations, item => new ResidualConfigurationAnswer(item.Prefixes, item.Thresholds, item.Version)));
    }
}
