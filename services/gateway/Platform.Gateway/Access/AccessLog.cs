using System.Security.Claims;

namespace Platform.Gateway.Access;

/// <summary>One line for every request to the API: who, what, from where, with which result. No payload, no query.</summary>
internal static class AccessLog
{
    public static async Task Write(HttpContext http, RequestDelegate next)
    {
        if (!http.Request.Path.StartsWithSegments("/api"))
        {
            await next(http);
            return;
        }

        var log = http.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("Platform.Gateway.Access");
        http.Response.Headers.CacheControl = "no-store";
        try
        {
            await next(http);
        }
        finally
        {
            var who = http.User.FindFirstValue(ClaimTypes.NameIdentifier) ?? "nobody";
            log.Access(who, http.Request.Method, http.Request.Path, http.Connection.RemoteIpAddress, http.Response.StatusCode);
        }
    }
}
