using System.Diagnostics;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.DataProtection;
using Platform.Contracts.Grpc.Accounts.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Gateway.Sessions;

/// <summary>What a session cookie holds, and how it becomes the caller of the services.</summary>
internal static class SessionCookie
{
    public const string Scheme = "Session";
    private const string Tenant = "tenant";

    public static void AddSessionCookie(this WebApplicationBuilder builder, SessionsOptions options)
    {
        var keys = builder.Services.AddDataProtection().SetApplicationName("platform-gateway");
        if (options.KeyFolder is { Length: > 0 } folder)
        {
            keys.PersistKeysToFileSystem(new DirectoryInfo(folder));
        }

        builder.Services.AddAuthentication(Scheme).AddCookie(Scheme, cookie =>
        {
            cookie.Cookie.Name = "platform-session";
            cookie.Cookie.HttpOnly = true;
            cookie.Cookie.SameSite = SameSiteMode.Strict;
            cookie.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            cookie.ExpireTimeSpan = options.IdleTimeout;
            cookie.SlidingExpiration = true;
            // A program gets a status, not a page to sign in on.
            cookie.Events.OnRedirectToLogin = context => Answer(context, StatusCodes.Status401Unauthorized);
            cookie.Events.OnRedirectToAccessDenied = context => Answer(context, StatusCodes.Status403Forbidden);
            cookie.Events.OnValidatePrincipal = SessionCheck.Validate;
        });
    }

    /// <summary>The operator as accounts knows it, in claims.</summary>
    public static ClaimsPrincipal PrincipalOf(Operator person) => new(new ClaimsIdentity(
        [
            new(ClaimTypes.NameIdentifier, person.OperatorId),
            new(ClaimTypes.Role, person.Role),
            new(ClaimTypes.Email, person.Email),
            new(ClaimTypes.Name, person.DisplayName),
            new(Tenant, person.TenantId),
        ],
        Scheme));

    /// <summary>Who calls, for the services.</summary>
    public static Caller SessionCaller(this HttpContext http) => new(
        http.User.Required(ClaimTypes.NameIdentifier),
        TenantId.Parse(http.User.Required(Tenant)),
        http.User.Required(ClaimTypes.Role),
        http.Connection.RemoteIpAddress?.ToString());

    public static string Required(this ClaimsPrincipal person, string claim) =>
        person.FindFirstValue(claim) ?? throw new UnreachableException($"The session has no {claim}: the endpoint states no policy.");

    private static Task Answer(RedirectContext<CookieAuthenticationOptions> context, int status)
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }
}
