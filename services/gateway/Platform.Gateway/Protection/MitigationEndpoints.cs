using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Gateway.Access;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Gateway.Protection;

/// <summary><c>/mitigations</c>: defence in progress and past.</summary>
internal static class MitigationEndpoints
{
    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    public sealed record WithdrawMitigationRequest(string Reason);

    /// <param name="CountermeasureId">UUID.</param>
    /// <param name="Kind">blackhole.</param>
    /// <param name="Route">What is announced.</param>
    /// <param name="Status">requested, announced, withdrawing or withdrawn.</param>
    public sealed record CountermeasureAnswer(string CountermeasureId, string Kind, string Route, string Status);

    /// <param name="MitigationId">UUID.</param>
    /// <param name="AnomalyId">What it defends against.</param>
    /// <param name="ServiceCode">Contract that it is about.</param>
    /// <param name="Target">CIDR notation.</param>
    /// <param name="Status">starting, active, holding, withdrawing, ended or failed.</param>
    /// <param name="Countermeasures">What was put in force.</param>
    /// <param name="StartedAt">When (UTC).</param>
    /// <param name="EndedAt">When (UTC); null while active.</param>
    public sealed record MitigationAnswer(
        string MitigationId,
        string AnomalyId,
        string ServiceCode,
        string Target,
        string Status,
        IReadOnlyList<CountermeasureAnswer> Countermeasures,
        DateTimeOffset StartedAt,
        DateTimeOffset? EndedAt);

    public static void MapMitigations(this IEndpointRouteBuilder routes)
    {
        var mitigations = routes.MapGroup("/mitigations").WithTags("Protection").OfTenant();
        mitigations.MapGet("", List).RequireAuthorization(Policies.Read)
            .WithSummary("Mitigations of the tenant, newest first, at most 200.").Refuses(404);
        mitigations.MapPost("/{mitigationId:guid}/withdrawal", Withdraw).RequireAuthorization(Policies.Operate)
            .WithSummary("Stop a mitigation by hand.").Refuses(404, 409, 422);
    }

    private static async Task<Ok<ListAnswer<MitigationAnswer>>> List(
        HttpContext http, Wire.Mitigations.MitigationsClient mitigations, bool activeOnly = false)
    {
        var answer = await mitigations.ListMitigationsAsync(
            new Wire.ListMitigationsRequest { TenantId = TenantScope.Of(http), ActiveOnly = activeOnly });
        return TypedResults.Ok(ListAnswer<MitigationAnswer>.Of(answer.Mitigations, mitigation => new MitigationAnswer(
            mitigation.MitigationId,
            mitigation.AnomalyId,
            mitigation.ServiceCode,
            mitigation.Target,
            mitigation.Status,
            [.. mitigation.Countermeasures.Select(c => new CountermeasureAnswer(c.CountermeasureId, c.Kind, c.Route, c.Status))],
            mitigation.StartedAt.ToDateTimeOffset(),
            mitigation.EndedAt.ToInstant())));
    }

    private static async Task<NoContent> Withdraw(
        Guid mitigationId, WithdrawMitigationRequest request, HttpContext http, Wire.Mitigations.MitigationsClient mitigations)
    {
        await mitigations.WithdrawMitigationAsync(new Wire.WithdrawMitigationRequest
        {
            TenantId = TenantScope.Of(http),
            MitigationId = mitigationId.ToString(),
            Reason = request.Reason,
        });
        return TypedResults.NoContent();
    }
}
