using Platform.Gateway.Problems;

namespace Platform.Gateway.Access;

/// <summary>
/// Refuses changes that another site's page makes a signed-in browser send. The cookie is SameSite=Strict; this is the second lock: a
/// change must come from our own origin, or carry a header that a foreign page cannot set without asking.
/// </summary>
internal static class CrossSiteGuard
{
    public const string Header = "X-Platform-Request";

    public static Task Check(HttpContext http, RequestDelegate next)
    {
        var request = http.Request;
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method))
        {
            return next(http);
        }

        var origin = request.Headers.Origin.ToString();
        var ours = origin.Length == 0
            ? request.Headers.ContainsKey(Header)
            : string.Equals(origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase);
        return ours
            ? next(http)
            : Problem.Of(403, "cross-site-request", "The request does not come from the portal.", $"Programs send the header {Header}.")
                .ExecuteAsync(http);
    }
}
