using System.Globalization;
using System.Text.Json.Serialization;
using System.Threading.RateLimiting;
using MassTransit;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;
using Platform.Gateway.Access;
using Platform.Gateway.Contracts;
using Platform.Gateway.Downstream;
using Platform.Gateway.Exporters;
using Platform.Gateway.Incidents;
using Platform.Gateway.Notices;
using Platform.Gateway.Operators;
using Platform.Gateway.Portal;
using Platform.Gateway.Problems;
using Platform.Gateway.Protection;
using Platform.Gateway.Retention;
using Platform.Gateway.Sessions;
using Platform.Gateway.Tenants;
using Platform.Hosting;

namespace Platform.Gateway;

/// <summary>Everything that the gateway consists of.</summary>
internal static class GatewayModule
{
    public static void AddGateway(this WebApplicationBuilder builder)
    {
        var session = builder.AddValidatedOptions<SessionsOptions>(SessionsOptions.Section);
        builder.AddValidatedOptions<AccessOptions>(AccessOptions.Section);
        builder.AddValidatedOptions<PortalOptions>(PortalOptions.Section);
        builder.AddMessaging(
            "gateway",
            bus =>
            {
                bus.AddConsumer<WhenIncidentChanged, WhenIncidentChanged.Definition>();
                bus.AddConsumer<WhenOperatorDeleted, WhenOperatorDeleted.Definition>();
            },
            temporaryQueues: true);
        builder.AddDownstream();
        builder.AddSessionCookie(session);
        var services = builder.Services;
        services.AddSingleton<SessionCheck>().AddSingleton<LiveIncidents>();
        services.AddExceptionHandler<FailureHandler>();
        services.AddOpenApi("v1", OpenApiDescription.Configure);
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
            json.SerializerOptions.RespectNullableAnnotations = true;
            json.SerializerOptions.RespectRequiredConstructorParameters = true;
        });
        services.AddRateLimiter(limits =>
        {
            limits.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limits.OnRejected = (context, _) =>
            {
                context.HttpContext.Response.Headers.RetryAfter =
                    context.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after)
                        ? ((int)Math.Ceiling(after.TotalSeconds)).ToString(CultureInfo.InvariantCulture)
                        : "60";
                return ValueTask.CompletedTask;
            };
            limits.AddPolicy(SessionEndpoints.SignInLimit, http => RateLimitPartition.GetFixedWindowLimiter(
                http.Connection.RemoteIpAddress,
                _ => new FixedWindowRateLimiterOptions { PermitLimit = session.SignInsPerMinute, Window = TimeSpan.FromMinutes(1) }));
        });
    }

    public static void UseGateway(this WebApplication app)
    {
        UseTrustedProxies(app);
        app.UseWhen(http => !IsHealth(http), edge => edge.Use(AccessLog.Write));
        app.UseExceptionHandler();
        app.UseStatusCodePages(context => Problem.Of(context.HttpContext.Response.StatusCode).ExecuteAsync(context.HttpContext));
        app.UsePortal();
        app.UseRouting();
        app.UseWhen(http => http.Request.Path.StartsWithSegments("/api"), api => api.Use(CrossSiteGuard.Check));
        app.UseRateLimiter();
        app.Use(AnswerWhatIsNoRoute);
    }

    public static void MapGateway(this WebApplication app)
    {
        var api = app.MapGroup("/api/v1").Refuses(400, 401, 403, 503);
        api.MapSession();
        api.MapTenants();
        api.MapContracts();
        api.MapOperators();
        api.MapExporters();
        api.MapProtectedObjects();
        api.MapRelearning();
        api.MapAnomalies();
        api.MapSecurityEvents();
        api.MapMitigations();
        api.MapDefensePolicies();
        api.MapKillSwitch();
        api.MapCapacity();
        api.MapIncidents();
        api.MapNotices();
        api.MapRetention();
        app.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous();
    }

    /// <summary>
    /// What is not there, or not in this way (405, 415), is said to everybody. The default deny that follows is for routes: it would
    /// answer 401 or 403 for them as well.
    /// </summary>
    private static Task AnswerWhatIsNoRoute(HttpContext http, RequestDelegate next) => http.GetEndpoint() switch
    {
        RouteEndpoint => next(http),
        { RequestDelegate: { } answer } => answer(http),
        _ => Problem.Of(StatusCodes.Status404NotFound).ExecuteAsync(http),
    };

    private static void UseTrustedProxies(WebApplication app)
    {
        var proxies = app.Services.GetRequiredService<IOptions<AccessOptions>>().Value.TrustedProxies;
        if (proxies.Length == 0)
        {
            return; // X-Forwarded-For of just anybody is a claim, not an address
        }

        var forwarded = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
            ForwardLimit = null,
        };
        forwarded.KnownProxies.Clear();
        forwarded.KnownIPNetworks.Clear();
        foreach (var proxy in proxies)
        {
            forwarded.KnownIPNetworks.Add(System.Net.IPNetwork.Parse(proxy));
        }

        app.UseForwardedHeaders(forwarded);
    }

    private static bool IsHealth(HttpContext http) => http.Request.Path.StartsWithSegments("/healthz");
}
