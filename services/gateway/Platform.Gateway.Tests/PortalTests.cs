namespace Platform.Gateway.Tests;

[Collection(nameof(AGateway))]
public sealed class PortalTests(AGateway gateway)
{
    [Fact]
    public async Task The_portal_is_served_with_headers_that_let_no_foreign_script_in()
    {
        using var nobody = gateway.ABrowser();
        using var page = await nobody.Http.GetAsync("/", TestContext.Current.CancellationToken);

        Assert.Equal("text/html", page.Content.Headers.ContentType?.MediaType);
        Assert.Contains("Portal", await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        var policy = Assert.Single(page.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", Assert.Single(page.Headers.GetValues("X-Content-Type-Options")));
        Assert.False(page.Headers.Contains("Server"));
    }

    [Theory]
    [InlineData("/../sign.pem")]
    [InlineData("/..%2fsign.pem")]
    [InlineData("/nothing.js")]
    public async Task Nothing_but_the_portals_files_is_served(string path)
    {
        using var nobody = gateway.ABrowser();
        using var answer = await nobody.Http.GetAsync(path, TestContext.Current.CancellationToken);
        Assert.Equal(404, (int)answer.StatusCode);
    }
}
