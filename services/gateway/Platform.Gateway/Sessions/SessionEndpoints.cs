using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http.HttpResults;
using Platform.EventStore;
using Platform.Gateway.Downstream;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Accounts.V1;

namespace Platform.Gateway.Sessions;

/// <summary><c>/session</c>: sign in, who am I, sign out.</summary>
internal static class SessionEndpoints
{
    public const string SignInLimit = "sign-in";

    /// <param name="Email">Login.</param>
    /// <param name="Password">Never logged, never kept.</param>
    public sealed record SignInRequest([property: Required] string Email, [property: Required] string Password);

    /// <param name="OperatorId">The signed-in operator.</param>
    /// <param name="TenantId">The operator's tenant; null for the provider's staff.</param>
    /// <param name="Email">Login.</param>
    /// <param name="DisplayName">What people call the operator.</param>
    /// <param name="Role">administrator, operator, viewer, provider-operator, provider-maintainer or provider-auditor.</param>
    public sealed record SessionAnswer(string OperatorId, string? TenantId, string Email, string DisplayName, string Role);

    public static void MapSession(this IEndpointRouteBuilder routes)
    {
        var session = routes.MapGroup("/session").WithTags("Session");
        session.MapPost("", SignIn).AllowAnonymous().RequireRateLimiting(SignInLimit)
            .WithSummary("Sign in with mail address and password; the answer sets the session cookie.")
            .Refuses(401, 429);
        session.MapGet("", WhoAmI).RequireAuthorization(Policies.Read).WithSummary("Who is signed in.");
        session.MapDelete("", (Delegate)SignOut).RequireAuthorization(Policies.Read).WithSummary("Sign out.");
    }

    private static async Task<Ok<SessionAnswer>> SignIn(SignInRequest request, AccountsBeforeSignIn accounts, HttpContext http)
    {
        var answer = await accounts.Operators.SignInAsync(new Wire.SignInRequest
        {
            Email = request.Email,
            Password = request.Password,
            SourceAddress = http.Connection.RemoteIpAddress?.ToString() ?? "",
        });
        var person = SessionCookie.PrincipalOf(answer.Operator);
        await http.SignInAsync(SessionCookie.Scheme, person);
        return TypedResults.Ok(AnswerOf(person));
    }

    private static Ok<SessionAnswer> WhoAmI(HttpContext http) => TypedResults.Ok(AnswerOf(http.User));

    private static async Task<NoContent> SignOut(HttpContext http)
    {
        await http.SignOutAsync(SessionCookie.Scheme);
        return TypedResults.NoContent();
    }

    private static SessionAnswer AnswerOf(ClaimsPrincipal person)
    {
        var tenant = person.Required("tenant");
        return new(
            person.Required(ClaimTypes.NameIdentifier),
            tenant == TenantId.Provider.Value ? null : tenant,
            person.Required(ClaimTypes.Email),
            person.Required(ClaimTypes.Name),
            person.Required(ClaimTypes.Role));
    }
}
