using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Dapper;
using Platform.Contracts.Accounts.V1;
using Platform.Hosting;
using Platform.Testing;

namespace Platform.Gateway.Tests;

[Collection(nameof(AGateway))]
public sealed class SessionTests(AGateway gateway)
{
    [Fact]
    public async Task Signing_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use()
    {
        using var browser = gateway.ABrowser();
        using var answer = await browser.SignIn(AGateway.ProviderEmail, AGateway.Password);

        var cookie = Assert.Single(answer.Headers.GetValues("Set-Cookie"));
        Assert.StartsWith("platform-session=", cookie, StringComparison.Ordinal);
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.True(answer.Headers.CacheControl?.NoStore);
        var me = await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        Assert.Equal(JsonValueKind.Null, me.GetProperty("tenantId").ValueKind);
        Assert.Equal("provider-operator", (await browser.Read("session")).GetProperty("role").GetString());
    }

    [Fact]
    [Trait("Requirement", "R164")]
    public async Task An_unknown_login_and_a_wrong_password_get_the_same_answer()
    {
        var (_, email) = await gateway.AnOperator(await gateway.ATenant());
        using var browser = gateway.ABrowser();

        var wrong = await Body(await browser.SignIn(email, "wrong horse battery staple"));
        var unknown = await Body(await browser.SignIn("nobody@example.com", "wrong horse battery staple"));

        Assert.Equal(wrong, unknown);
        Assert.Equal(new Refusal(401, "sign-in-refused"), await Refusal.Of(browser.SignIn(email, "wrong horse battery staple")));
        Assert.Equal(0, browser.Cookies.Count);
    }

    [Fact]
    public async Task Signing_out_ends_the_session()
    {
        using var browser = await gateway.AProviderOperator();
        Assert.Equal(HttpStatusCode.NoContent, (await browser.Send(HttpMethod.Delete, "session")).StatusCode);
        Assert.Equal(new Refusal(401, "not-signed-in"), await Refusal.Of(browser.Get("session")));
    }

    [Fact]
    [Trait("Requirement", "R161")]
    public async Task A_deleted_operators_session_dies_at_once()
    {
        var tenant = await gateway.ATenant();
        var (id, email) = await gateway.AnOperator(tenant, Roles.Viewer);
        using var administrator = await gateway.SignedIn(tenant);
        using var browser = gateway.ABrowser();
        await browser.SignIn(email, AGateway.Password);
        Assert.Equal(200, (int)(await browser.Get("session")).StatusCode); // now believed for a while

        Assert.Equal(204, (int)(await administrator.Send(HttpMethod.Delete, $"operators/{id}")).StatusCode);

        // The clock stands still: nothing expires, it is the fact that ends it.
        await Eventually.Equal(401, async () => (int)(await browser.Get("session")).StatusCode);
    }

    [Fact]
    [Trait("Requirement", "R161")]
    public async Task Even_if_the_fact_is_late_the_session_dies_within_the_recheck()
    {
        var tenant = await gateway.ATenant();
        var (id, email) = await gateway.AnOperator(tenant, Roles.Viewer);
        await gateway.AnOperator(tenant);
        using var browser = gateway.ABrowser();
        await browser.SignIn(email, AGateway.Password);
        Assert.Equal(200, (int)(await browser.Get("session")).StatusCode);
        var metadata = gateway.Accounts.As(tenant, Roles.Administrator);

        await new Platform.Contracts.Grpc.Accounts.V1.Operators.OperatorsClient(gateway.Accounts.Channel)
            .DeleteOperatorAsync(new() { OperatorId = id }, metadata, cancellationToken: TestContext.Current.CancellationToken);
        gateway.Clock.Advance(TimeSpan.FromSeconds(6));

        Assert.Equal(401, (int)(await browser.Get("session")).StatusCode);
    }

    /// <summary>See <see cref="Sessions.WhenOperatorDeleted"/>: a fact makes the gateway ask, and accounts' answer decides.</summary>
    [Fact]
    public async Task A_deletion_told_twice_or_before_anyone_signed_in_ends_only_the_deleted_operators_session()
    {
        var tenant = await gateway.ATenant();
        await gateway.AnOperator(tenant);
        var (deleted, deletedEmail) = await gateway.AnOperator(tenant, Roles.Viewer);
        var (stays, email) = await gateway.AnOperator(tenant, Roles.Viewer);
        await gateway.Publish(Deletion(tenant, stays)); // never true, and before the session that it would end
        using var browser = gateway.ABrowser();
        await browser.SignIn(email, AGateway.Password);
        using var gone = gateway.ABrowser();
        await gone.SignIn(deletedEmail, AGateway.Password);
        await gateway.Publish(Deletion(tenant, stays));
        await gateway.Publish(Deletion(tenant, stays));

        await new Platform.Contracts.Grpc.Accounts.V1.Operators.OperatorsClient(gateway.Accounts.Channel).DeleteOperatorAsync(
            new() { OperatorId = deleted }, gateway.Accounts.As(tenant, Roles.Administrator), cancellationToken: TestContext.Current.CancellationToken);
        await gateway.Publish(Deletion(tenant, deleted));

        await Eventually.Equal(401, async () => (int)(await gone.Get("session")).StatusCode);
        Assert.Equal(200, (int)(await browser.Get("session")).StatusCode);
    }

    [Fact]
    public async Task A_session_survives_another_replica_of_the_gateway()
    {
        using var browser = await gateway.AProviderOperator();
        var (host, address) = await gateway.Start();
        await using var _ = host;
        using var elsewhere = gateway.ABrowser(address);
        elsewhere.Cookies.Add(address, browser.Cookies.GetCookies(gateway.Address));

        Assert.Equal(200, (int)(await elsewhere.Get("session")).StatusCode);
    }

    [Fact]
    public async Task A_forged_cookie_is_nobody()
    {
        using var browser = gateway.ABrowser();
        browser.Cookies.Add(gateway.Address, new Cookie("platform-session", "CfDJ8forged"));
        Assert.Equal(new Refusal(401, "not-signed-in"), await Refusal.Of(browser.Get("session")));
    }

    [Fact]
    public async Task A_caller_context_from_outside_is_not_believed()
    {
        using var browser = gateway.ABrowser();
        browser.Http.DefaultRequestHeaders.Add(CallerContext.Header, gateway.Accounts.As(EventStore.TenantId.Provider, Roles.ProviderOperator)[0].Value);
        Assert.Equal(new Refusal(401, "not-signed-in"), await Refusal.Of(browser.Get("tenants")));
    }

    [Fact]
    [Trait("Requirement", "R20")]
    public async Task A_source_address_that_the_client_claims_is_ignored()
    {
        var (id, email) = await gateway.AnOperator(await gateway.ATenant());
        using var browser = gateway.ABrowser();
        browser.Http.DefaultRequestHeaders.Add("X-Forwarded-For", "198.51.100.66");
        await browser.SignIn(email, AGateway.Password);
        Assert.Equal("127.0.0.1", await SourceOf(id));
    }

    [Fact]
    [Trait("Requirement", "R20")]
    public async Task A_source_address_that_a_trusted_proxy_tells_is_believed_up_to_the_first_stranger()
    {
        var (host, address) = await gateway.Start(("Access:TrustedProxies:0", "127.0.0.0/8"), ("Access:TrustedProxies:1", "10.0.0.0/8"));
        await using var _ = host;
        var (id, email) = await gateway.AnOperator(await gateway.ATenant());
        using var browser = gateway.ABrowser(address);
        browser.Http.DefaultRequestHeaders.Add("X-Forwarded-For", "203.0.113.1, 198.51.100.66, 10.1.2.3");
        await browser.SignIn(email, AGateway.Password);
        Assert.Equal("198.51.100.66", await SourceOf(id));
    }

    [Fact]
    [Trait("Requirement", "R164")]
    public async Task Attempts_to_sign_in_are_limited_per_source_address()
    {
        var (host, address) = await gateway.Start(("Session:SignInsPerMinute", "2"));
        await using var _ = host;
        using var browser = gateway.ABrowser(address);
        await browser.SignIn("nobody@example.com", "wrong horse battery staple");
        await browser.SignIn("nobody@example.com", "wrong horse battery staple");

        using var refused = await browser.SignIn("nobody@example.com", "wrong horse battery staple");

        Assert.Equal(new Refusal(429, "too-many-sign-ins"), await Refusal.Of(refused));
        Assert.NotNull(refused.Headers.RetryAfter);
    }

    [Theory]
    [InlineData("https://evil.example", true, 403)]
    [InlineData("null", true, 403)]
    [InlineData(null, false, 403)]
    [InlineData(null, true, 204)]
    [InlineData("own", false, 204)]
    public async Task A_change_comes_from_the_portal_or_names_itself(string? origin, bool header, int status)
    {
        using var browser = await gateway.AProviderOperator();
        using var request = new HttpRequestMessage(HttpMethod.Delete, "/api/v1/session");
        if (origin is not null)
        {
            request.Headers.Add("Origin", origin == "own" ? gateway.Address.GetLeftPart(UriPartial.Authority) : origin);
        }

        browser.Http.DefaultRequestHeaders.Remove("X-Platform-Request");
        if (header)
        {
            request.Headers.Add("X-Platform-Request", "1");
        }

        using var answer = await browser.Http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(status, (int)answer.StatusCode);
        if (status == 403)
        {
            Assert.Equal("cross-site-request", (await Refusal.Of(answer)).Code);
        }
    }

    private OperatorDeleted Deletion(EventStore.TenantId tenant, string id) => new()
    {
        TenantId = tenant.ToGuid(),
        OperatorId = Guid.Parse(id),
        DeletedAt = gateway.Clock.GetUtcNow(),
    };

    private async Task<string> SourceOf(string operatorId)
    {
        await using var connection = await gateway.AccountsDatabase.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        return await connection.QuerySingleAsync<string>(
            "select source_address from customer.sign_ins where operator_id = @id", new { id = Guid.Parse(operatorId) });
    }

    /// <summary>The answer but for the trace id, which is of each request.</summary>
    private static async Task<string> Body(HttpResponseMessage answer)
    {
        var problem = await answer.Content.ReadFromJsonAsync<Dictionary<string, JsonElement>>(TestContext.Current.CancellationToken);
        problem!.Remove("traceId");
        return $"{answer.StatusCode} {JsonSerializer.Serialize(problem)}";
    }
}
