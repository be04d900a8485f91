using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Platform.Gateway.Tests;

/// <summary>Somebody's browser: keeps cookies, and says that the portal sends.</summary>
public sealed class Browser : IDisposable
{
    private readonly HttpClientHandler _handler = new() { AllowAutoRedirect = false };

    public Browser(Uri gateway)
    {
        Http = new HttpClient(_handler) { BaseAddress = gateway };
        Http.DefaultRequestHeaders.Add("X-Platform-Request", "test");
    }

    public HttpClient Http { get; }

    public CookieContainer Cookies => _handler.CookieContainer;

    public Task<HttpResponseMessage> SignIn(string email, string password) =>
        Send(HttpMethod.Post, "session", new { email, password });

    /// <summary>Sends to the API; the path is relative to <c>/api/v1/</c>.</summary>
    public Task<HttpResponseMessage> Send(HttpMethod method, string path, object? body = null) =>
        Http.SendAsync(
            new HttpRequestMessage(method, "/api/v1/" + path) { Content = body is null ? null : JsonContent.Create(body) },
            TestContext.Current.CancellationToken);

    public Task<HttpResponseMessage> Get(string path) => Send(HttpMethod.Get, path);

    /// <summary>The body of a successful answer.</summary>
    public async Task<JsonElement> Read(string path)
    {
        using var answer = await Get(path);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
    }

    public void Dispose() => Http.Dispose();
}

/// <summary>What a refusal looked like.</summary>
public sealed record Refusal(int Status, string? Code)
{
    /// <summary>Reads a refusal, and checks the form that every refusal has.</summary>
    public static async Task<Refusal> Of(HttpResponseMessage answer)
    {
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        var type = problem.GetProperty("type").GetString()!;
        Assert.StartsWith("urn:platform:problem:", type, StringComparison.Ordinal);
        Assert.Equal((int)answer.StatusCode, problem.GetProperty("status").GetInt32());
        Assert.NotEqual("", problem.GetProperty("title").GetString());
        return new((int)answer.StatusCode, type["urn:platform:problem:".Length..]);
    }

    public static async Task<Refusal> Of(Task<HttpResponseMessage> answer) => await Of(await answer);
}
