using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Gateway.Access;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Accounts.V1;

namespace Platform.Gateway.Operators;

/// <summary><c>/operators</c>: people who act for a tenant. Without <c>tenantId</c> the caller's own, the provider's staff included.</summary>
internal static class OperatorEndpoints
{
    /// <param name="Email">Login name and mail address, unique in the installation.</param>
    /// <param name="DisplayName">What people call the operator, 1 to 100 characters.</param>
    /// <param name="Role">administrator, operator or viewer; for the provider provider-operator, provider-maintainer or provider-auditor.</param>
    /// <param name="Password">First password, 12 to 200 characters.</param>
    public sealed record RegisterOperatorRequest(string Email, string DisplayName, string Role, [property: Required] string Password);

    public sealed record OperatorRegisteredAnswer(string OperatorId);

    /// <param name="OperatorId">UUID.</param>
    /// <param name="TenantId">UUID; null for the provider's staff.</param>
    /// <param name="Email">Login.</param>
    /// <param name="DisplayName">What people call the operator.</param>
    /// <param name="Role">What the operator may do.</param>
    public sealed record OperatorAnswer(string OperatorId, string? TenantId, string Email, string DisplayName, string Role);

    public static void MapOperators(this IEndpointRouteBuilder routes)
    {
        var operators = routes.MapGroup("/operators").WithTags("Operators").OfTenant();
        operators.MapGet("", List).RequireAuthorization(Policies.Administer).WithSummary("Operators of the tenant.");
        operators.MapPost("", Register).RequireAuthorization(Policies.Administer).WithSummary("Register an operator.").Refuses(404, 409, 422);
        operators.MapDelete("/{operatorId:guid}", Delete).RequireAuthorization(Policies.Administer)
            .WithSummary("Delete an operator; the operator's sessions end at once.").Refuses(404, 409);
    }

    private static async Task<Ok<ListAnswer<OperatorAnswer>>> List(HttpContext http, Wire.Operators.OperatorsClient operators)
    {
        var answer = await operators.ListOperatorsAsync(new Wire.ListOperatorsRequest { TenantId = TenantScope.Of(http) });
        return TypedResults.Ok(ListAnswer<OperatorAnswer>.Of(answer.Operators, person => new OperatorAnswer(
            person.OperatorId, person.TenantId == "provider" ? null : person.TenantId, person.Email, person.DisplayName, person.Role)));
    }

    private static async Task<Created<OperatorRegisteredAnswer>> Register(
        RegisterOperatorRequest request, HttpContext http, Wire.Operators.OperatorsClient operators)
    {
        var answer = await operators.RegisterOperatorAsync(new Wire.RegisterOperatorRequest
        {
            TenantId = TenantScope.Of(http),
            Email = request.Email,
            DisplayName = request.DisplayName,
            Role = request.Role,
            Password = request.Password,
        });
        return TypedResults.Created((string?)null, new OperatorRegisteredAnswer(answer.OperatorId));
    }

    private static async Task<NoContent> Delete(Guid operatorId, HttpContext http, Wire.Operators.OperatorsClient operators)
    {
        await operators.DeleteOperatorAsync(new Wire.DeleteOperatorRequest
        {
            TenantId = TenantScope.Of(http),
            OperatorId = operatorId.ToString(),
        });
        return TypedResults.NoContent();
    }
}
