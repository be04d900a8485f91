using System.Text;
using Platform.Hosting;

namespace Platform.Gateway.Tests;

/// <summary>Every refusal and failure is a problem with a public code.</summary>
[Collection(nameof(AGateway))]
public sealed class ProblemTests(AGateway gateway)
{
    [Fact]
    public async Task An_address_that_is_not_there_is_not_found()
    {
        using var provider = await gateway.AProviderOperator();
        Assert.Equal(new Refusal(404, "not-found"), await Refusal.Of(provider.Get("unicorns")));
        Assert.Equal(new Refusal(404, "not-found"), await Refusal.Of(provider.Get("incidents/not-a-uuid")));
    }

    [Fact]
    public async Task Whatever_the_client_accepts_a_refusal_is_a_problem()
    {
        using var nobody = gateway.ABrowser();
        nobody.Http.DefaultRequestHeaders.Add("Accept", "text/event-stream");
        Assert.Equal(new Refusal(401, "not-signed-in"), await Refusal.Of(nobody.Get("incidents/events")));
    }

    [Fact]
    public async Task A_method_that_an_address_does_not_take_is_refused()
    {
        using var provider = await gateway.AProviderOperator();
        Assert.Equal(new Refusal(405, "method-not-allowed"), await Refusal.Of(provider.Send(HttpMethod.Patch, "tenants")));
    }

    [Theory]
    [InlineData("{", "application/json", 400, "malformed-request")]
    [InlineData("{}", "application/json", 400, "malformed-request")]
    [InlineData("""{"name": 7}""", "application/json", 400, "malformed-request")]
    [InlineData("name=Example", "application/x-www-form-urlencoded", 415, "unsupported-media-type")]
    [InlineData("""{"name": ""}""", "application/json", 422, "tenant-name-invalid")]
    public async Task Content_that_cannot_be_read_or_breaks_a_rule_is_told_apart(string body, string type, int status, string code)
    {
        using var provider = await gateway.AProviderOperator();
        using var content = new StringContent(body, Encoding.UTF8, type);
        Assert.Equal(
            new Refusal(status, code),
            await Refusal.Of(provider.Http.PostAsync("/api/v1/tenants", content, TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task A_refusal_by_a_service_keeps_its_code()
    {
        var tenant = await gateway.ATenant();
        using var administrator = await gateway.SignedIn(tenant);
        using var provider = await gateway.AProviderOperator();
        var me = (await administrator.Read("session")).GetProperty("operatorId").GetString();

        Assert.Equal(new Refusal(409, "last-administrator"), await Refusal.Of(administrator.Send(HttpMethod.Delete, $"operators/{me}")));
        Assert.Equal(new Refusal(422, "declared-bandwidth-missing"), await Refusal.Of(provider.Send(
            HttpMethod.Post, "contracts", new { tenantId = tenant.Value, service = "ddos", prefixes = new[] { "203.0.113.0/24" }, declaredBitsPerSecond = 0 })));
        Assert.Equal(new Refusal(403, "not-allowed"), await Refusal.Of(administrator.Get("tenants")));
    }

    [Fact, Trait("Requirement", "R27")]
    public async Task While_it_is_not_known_what_there_is_room_for_no_contract_is_signed()
    {
        var tenant = await gateway.ATenant();
        using var provider = await gateway.AProviderOperator(); // mitigation is not there
        Assert.Equal(new Refusal(503, "service-unavailable"), await Refusal.Of(provider.Send(
            HttpMethod.Post, "contracts", new { tenantId = tenant.Value, service = "ddos", prefixes = new[] { "203.0.113.0/24" }, declaredBitsPerSecond = 1_000_000 })));
        using var signed = await provider.Get($"contracts?tenantId={tenant.Value}");
        Assert.DoesNotContain("203.0.113.0/24", await signed.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("exporters")]
    [InlineData("erasures")]
    public async Task A_service_that_does_not_answer_is_a_503_that_says_when_to_come_back(string path)
    {
        using var provider = await gateway.AProviderOperator();
        using var answer = await provider.Get(path);
        Assert.Equal(new Refusal(503, "service-unavailable"), await Refusal.Of(answer));
        Assert.NotNull(answer.Headers.RetryAfter);
    }

    [Fact]
    public async Task The_same_request_sent_again_with_its_key_makes_one_thing()
    {
        var tenant = await gateway.ATenant();
        using var administrator = await gateway.SignedIn(tenant);
        administrator.Http.DefaultRequestHeaders.Add("Idempotency-Key", "register-aoi");
        var aoi = new { email = $"aoi-{tenant}@example.com", displayName = "Aoi", role = Roles.Viewer, password = AGateway.Password };

        using var first = await administrator.Send(HttpMethod.Post, "operators", aoi);
        using var second = await administrator.Send(HttpMethod.Post, "operators", aoi);

        Assert.Equal(201, (int)second.StatusCode);
        Assert.Equal(
            await first.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            await second.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }
}
