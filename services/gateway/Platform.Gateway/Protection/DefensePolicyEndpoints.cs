using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Gateway.Access;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Gateway.Protection;

/// <summary><c>/protected-objects/{id}/defense-policy</c>: how an object is defended.</summary>
internal static class DefensePolicyEndpoints
{
    /// <param name="Kind">flowspec-rate-limit, flowspec-discard, flowspec-redirect, scrubbing, diversion or blackhole.</param>
    /// <param name="PatienceSeconds">How long it may fail to help before the next step, 1 to 3600.</param>
    /// <param name="FromSeverity">Attacks below this are not answered with it: low, medium, high or critical; empty: low, of a blackhole high.</param>
    public sealed record Step(string Kind, long PatienceSeconds = 10, string FromSeverity = "");

    /// <param name="ServiceCode">Contract of the object.</param>
    /// <param name="Steps">What is tried, in this order, 1 to 10.</param>
    /// <param name="Mode">automatic, after-approval or dry-run.</param>
    /// <param name="AllowedSources">Sources whose traffic no filter may touch, CIDR notation.</param>
    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    public sealed record SetDefensePolicyRequest(
        string ServiceCode, IReadOnlyList<Step> Steps, string Mode, string Reason, IReadOnlyList<string>? AllowedSources = null);

    /// <param name="Steps">What is tried, in this order.</param>
    /// <param name="Mode">automatic, after-approval or dry-run.</param>
    /// <param name="AllowedSources">Sources whose traffic no filter may touch, CIDR notation.</param>
    /// <param name="IsDefault">Whether the object has none of its own.</param>
    public sealed record DefensePolicyAnswer(
        IReadOnlyList<Step> Steps, string Mode, IReadOnlyList<string> AllowedSources, bool IsDefault);

    public static void MapDefensePolicies(this IEndpointRouteBuilder routes)
    {
        var policies = routes.MapGroup("/protected-objects/{objectId:guid}/defense-policy").WithTags("Protection").OfTenant();
        policies.MapGet("", Get).RequireAuthorization(Policies.Read)
            .WithSummary("How an object is defended; with its serviceCode also by what its contract has, when it has no policy of its own.").Refuses(404);
        policies.MapPut("", Set).RequireAuthorization(Policies.Administer)
            .WithSummary("Set how an object is defended.").Refuses(404, 422);
    }

    private static async Task<Ok<DefensePolicyAnswer>> Get(
        Guid objectId, HttpContext http, Wire.Mitigations.MitigationsClient mitigations, string serviceCode = "")
    {
        var answer = await mitigations.GetDefensePolicyAsync(new Wire.GetDefensePolicyRequest
        {
            TenantId = TenantScope.Of(http),
            ObjectId = objectId.ToString(),
            ServiceCode = serviceCode,
        });
        return TypedResults.Ok(new DefensePolicyAnswer(
            [.. answer.Policy.Steps.Select(step => new Step(step.Kind, step.PatienceSeconds, step.FromSeverity))],
            answer.Policy.Mode,
            [.. answer.Policy.AllowedSources],
            answer.IsDefault));
    }

    private static async Task<NoContent> Set(
        Guid objectId, SetDefensePolicyRequest request, HttpContext http, Wire.Mitigations.MitigationsClient mitigations)
    {
        await mitigations.SetDefensePolicyAsync(new Wire.SetDefensePolicyRequest
        {
            TenantId = TenantScope.Of(http),
            ServiceCode = request.ServiceCode,
            ObjectId = objectId.ToString(),
            Reason = request.Reason,
            Policy = new Wire.DefensePolicy
            {
                Mode = request.Mode,
                AllowedSources = { request.AllowedSources ?? [] },
                Steps =
                {
                    request.Steps.Select(step => new Wire.DefenseStep
                    {
                        Kind = step.Kind,
                        PatienceSeconds = step.PatienceSeconds,
                        FromSeverity = step.FromSeverity,
                    }),
                },
            },
        });
        return TypedResults.NoContent();
    }
}
