using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Gateway.Protection;

/// <summary><c>/kill-switch</c>: everything out of the network, for all tenants, until it is released. For the provider only.</summary>
internal static class KillSwitchEndpoints
{
    /// <param name="Engaged">Whether nothing may be in the network.</param>
    /// <param name="Reason">Why, 1 to 200 characters; kept in the record.</param>
    public sealed record TurnKillSwitchRequest(bool Engaged, string Reason);

    /// <param name="Engaged">Whether nothing may be in the network.</param>
    /// <param name="ChangedAt">When it was turned (UTC); null when never.</param>
    /// <param name="Reason">Why.</param>
    /// <param name="Actor">Who.</param>
    public sealed record KillSwitchAnswer(bool Engaged, DateTimeOffset? ChangedAt, string Reason, string Actor);

    public static void MapKillSwitch(this IEndpointRouteBuilder routes)
    {
        var killSwitch = routes.MapGroup("/kill-switch").WithTags("Protection");
        killSwitch.MapGet("", Get).RequireAuthorization(Policies.ProviderRead).WithSummary("Whether the kill switch is engaged.");
        killSwitch.MapPut("", Turn).RequireAuthorization(Policies.ProviderOperate)
            .WithSummary("Withdraw everything of all tenants and let nothing in; or release. What was withdrawn stays withdrawn.").Refuses(422);
    }

    private static async Task<Ok<KillSwitchAnswer>> Get(Wire.Mitigations.MitigationsClient mitigations)
    {
        var answer = await mitigations.GetKillSwitchAsync(new Wire.GetKillSwitchRequest());
        return TypedResults.Ok(new KillSwitchAnswer(answer.Engaged, answer.ChangedAt.ToInstant(), answer.Reason, answer.Actor));
    }

    private static async Task<NoContent> Turn(TurnKillSwitchRequest request, Wire.Mitigations.MitigationsClient mitigations)
    {
        await mitigations.TurnKillSwitchAsync(new Wire.TurnKillSwitchRequest { Engage = request.Engaged, Reason = request.Reason });
        return TypedResults.NoContent();
    }
}
