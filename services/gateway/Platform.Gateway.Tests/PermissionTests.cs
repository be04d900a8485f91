using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Platform.EventStore;

namespace Platform.Gateway.Tests;

/// <summary>Who may do what, over every route and role.</summary>
[Collection(nameof(AGateway))]
[Trait("Requirement", "R22")]
public sealed class PermissionTests(AGateway gateway)
{
    private const string Everybody = "administrator operator viewer provider-operator provider-maintainer provider-auditor";
    private const string Operate = "administrator operator provider-operator";
    private const string Administer = "administrator provider-operator";
    private const string ProviderRead = "provider-operator provider-maintainer provider-auditor";
    private const string ProviderOperate = "provider-operator provider-maintainer";
    private const string Anonymous = "";

    /// <summary>The permission matrix. A route that is missing here fails.</summary>
    private static readonly Dictionary<string, string> Permitted = new()
    {
        ["POST /api/v1/session"] = Anonymous,
        ["GET /api/v1/session"] = Everybody,
        ["DELETE /api/v1/session"] = Everybody,
        ["GET /api/v1/tenants"] = ProviderRead,
        ["POST /api/v1/tenants"] = ProviderOperate,
        ["GET /api/v1/contracts"] = Everybody,
        ["POST /api/v1/contracts"] = ProviderOperate,
        ["PUT /api/v1/contracts/{serviceCode}"] = ProviderOperate,
        ["POST /api/v1/contracts/{serviceCode}/termination"] = ProviderOperate,
        ["PUT /api/v1/contracts/{serviceCode}/label"] = Operate,
        ["GET /api/v1/operators"] = Administer,
        ["POST /api/v1/operators"] = Administer,
        ["DELETE /api/v1/operators/{operatorId:guid}"] = Administer,
        ["GET /api/v1/exporters"] = ProviderRead,
        ["GET /api/v1/exporters/{address}"] = ProviderRead,
        ["POST /api/v1/exporters"] = ProviderOperate,
        ["DELETE /api/v1/exporters/{address}"] = ProviderOperate,
        ["GET /api/v1/exporters/unknown"] = ProviderRead,
        ["GET /api/v1/protected-objects"] = Everybody,
        ["POST /api/v1/protected-objects"] = Operate,
        ["PUT /api/v1/protected-objects/{objectId:guid}/grouping"] = Operate,
        ["POST /api/v1/protected-objects/{objectId:guid}/removal"] = Operate,
        ["PUT /api/v1/protected-objects/{objectId:guid}/thresholds"] = Operate,
        ["PUT /api/v1/protected-objects/{objectId:guid}/profile"] = Operate,
        ["PUT /api/v1/protected-objects/{objectId:guid}/learning"] = Operate,
        ["POST /api/v1/protected-objects/{objectId:guid}/learning/reset"] = Operate,
        ["GET /api/v1/protected-objects/{objectId:guid}/versions"] = Everybody,
        ["GET /api/v1/protected-objects/{objectId:guid}/versions/{version:long}"] = Everybody,
        ["POST /api/v1/protected-objects/{objectId:guid}/versions/{version:long}/restoration"] = Operate,
        ["GET /api/v1/protected-objects/{objectId:guid}/learned"] = Everybody,
        ["GET /api/v1/protected-objects/{objectId:guid}/relearning"] = Everybody,
        ["POST /api/v1/protected-objects/{objectId:guid}/relearning/application"] = Operate,
        ["GET /api/v1/protected-objects/{objectId:guid}/profiles"] = Everybody,
        ["GET /api/v1/security-events"] = Everybody,
        ["GET /api/v1/bandwidth-excesses"] = Everybody,
        ["GET /api/v1/anomalies"] = Everybody,
        ["GET /api/v1/anomalies/{anomalyId:guid}"] = Everybody,
        ["POST /api/v1/anomalies/{anomalyId:guid}/false-mark"] = Operate,
        ["POST /api/v1/anomalies/{anomalyId:guid}/proposal/application"] = Operate,
        ["GET /api/v1/mitigations"] = Everybody,
        ["POST /api/v1/mitigations/{mitigationId:guid}/withdrawal"] = Operate,
        ["POST /api/v1/mitigations"] = Operate,
        ["POST /api/v1/mitigations/{mitigationId:guid}/countermeasures"] = Operate,
        ["POST /api/v1/mitigations/{mitigationId:guid}/countermeasures/{countermeasureId:guid}/withdrawal"] = Operate,
        ["POST /api/v1/mitigations/{mitigationId:guid}/approval"] = Operate,
        ["POST /api/v1/mitigations/{mitigationId:guid}/extension"] = Operate,
        ["GET /api/v1/protected-objects/{objectId:guid}/defense-policy"] = Everybody,
        ["PUT /api/v1/protected-objects/{objectId:guid}/defense-policy"] = Administer,
        ["GET /api/v1/kill-switch"] = ProviderRead,
        ["GET /api/v1/capacity"] = ProviderRead,
        ["GET /api/v1/contracts/{serviceCode}/always-on"] = Everybody,
        ["PUT /api/v1/contracts/{serviceCode}/always-on"] = Administer,
        ["PUT /api/v1/kill-switch"] = ProviderOperate,
        ["GET /api/v1/incidents"] = Everybody,
        ["GET /api/v1/incidents/{incidentId:guid}"] = Everybody,
        ["GET /api/v1/incidents/events"] = Everybody,
        ["GET /api/v1/notices"] = Everybody,
        ["GET /api/v1/erasures"] = ProviderRead,
        ["GET /api/v1/residual/detections"] = ProviderOperate,
        ["GET /api/v1/residual/configurations"] = ProviderOperate,
        ["GET /openapi/{documentName}.json"] = Anonymous,
        ["GET /healthz/live"] = Anonymous,
        ["GET /healthz/ready"] = Anonymous,
        ["GET /metrics"] = Anonymous,
    };

    [Fact]
    public void Every_route_states_who_may_use_it_and_none_is_open_by_silence()
    {
        var routes = Routes().ToDictionary(route => route.Name, route => route.Endpoint);

        Assert.Equal(Permitted.Keys.Order(), routes.Keys.Order());
        Assert.All(routes, route =>
        {
            var policy = route.Value.Metadata.GetMetadata<IAuthorizeData>()?.Policy;
            var anonymous = route.Value.Metadata.GetMetadata<IAllowAnonymous>() is not null;
            Assert.Equal(Permitted[route.Key] == Anonymous, anonymous);
            Assert.True(anonymous || policy is not null, $"{route.Key} states no policy");
        });
    }

    [Fact]
    public async Task Every_role_is_refused_exactly_where_the_matrix_does_not_name_it()
    {
        var tenant = await gateway.ATenant();
        var wrong = new List<string>();
        foreach (var role in Everybody.Split(' '))
        {
            using var browser = await gateway.SignedIn(role.StartsWith("provider", StringComparison.Ordinal) ? TenantId.Provider : tenant, role);
            foreach (var (route, roles) in Permitted.Where(entry => entry.Value != Anonymous && !entry.Key.Contains("DELETE /api/v1/session") && !entry.Key.Contains("/events")))
            {
                var (method, path) = (route.Split(' ')[0], Fill(route.Split(' ')[1]));
                using var answer = await browser.Send(new HttpMethod(method), path["/api/v1/".Length..] + "?purpose=test", method is "GET" or "DELETE" ? null : new { });
                var refused = (int)answer.StatusCode == 403;
                if (refused == roles.Split(' ').Contains(role) || (int)answer.StatusCode is 401 or 500)
                {
                    wrong.Add($"{role} {route}: {(int)answer.StatusCode}");
                }
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public async Task Nobody_gets_nothing_but_the_door()
    {
        using var nobody = gateway.ABrowser();
        foreach (var route in Permitted.Where(entry => entry.Value != Anonymous).Select(entry => entry.Key))
        {
            var (method, path) = (route.Split(' ')[0], Fill(route.Split(' ')[1]));
            using var answer = await nobody.Send(new HttpMethod(method), path["/api/v1/".Length..], method is "GET" or "DELETE" ? null : new { });
            Assert.Equal(new Refusal(401, "not-signed-in"), await Refusal.Of(answer));
        }
    }

    [Fact]
    public async Task Health_and_metrics_are_not_for_the_outside()
    {
        using var nobody = gateway.ABrowser();
        foreach (var path in (string[])["/healthz/live", "/healthz/ready", "/metrics"])
        {
            using var answer = await nobody.Http.GetAsync(path, TestContext.Current.CancellationToken);
            Assert.Equal(404, (int)answer.StatusCode);
        }
    }

    private static string Fill(string path) => System.Text.RegularExpressions.Regex.Replace(
        path.Replace("{serviceCode}", "DP99999999", StringComparison.Ordinal).Replace("{version:long}", "1", StringComparison.Ordinal), @"\{\w+:guid\}", "0190ffff-0000-7000-8000-000000000001");

    private IEnumerable<(string Name, RouteEndpoint Endpoint)> Routes() =>
        from source in gateway.Host.Services.GetServices<EndpointDataSource>()
        from endpoint in source.Endpoints.OfType<RouteEndpoint>()
        from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"]
        select ($"{method} {(endpoint.RoutePattern.RawText!.StartsWith('/') ? "" : "/")}{endpoint.RoutePattern.RawText!.TrimEnd('/')}", endpoint);
}
