using System.Net.Http.Json;
using System.Text.Json;

namespace Platform.Local;

/// <summary>What a person or program does over the gateway's REST API; the only way in that the demo and the system tests use.</summary>
public sealed class GatewayClient : IDisposable
{
    private readonly HttpClient _http;

    public GatewayClient(Uri gateway)
    {
        _http = new HttpClient(new SocketsHttpHandler { UseCookies = true }) { BaseAddress = new Uri(gateway, "/api/v1/") };
        _http.DefaultRequestHeaders.Add("X-Platform-Request", "1"); // says that no foreign page made us send this
    }

    public Task SignIn(string email, string password) => Post("session", new { email, password });

    /// <summary>Takes a customer on and gives back the tenant's id.</summary>
    public async Task<string> RegisterTenant(string name) => (await Post("tenants", new { name })).GetProperty("tenantId").GetString()!;

    /// <summary>Signs a DDoS protection contract and gives back its service code.</summary>
    public async Task<string> SignContract(string tenantId, long declaredBitsPerSecond, params string[] prefixes) =>
        (await Post("contracts", new { tenantId, service = "ddos", prefixes, declaredBitsPerSecond })).GetProperty("serviceCode").GetString()!;

    public Task TerminateContract(string serviceCode) => Post($"contracts/{serviceCode}/termination", new { });

    public Task RegisterOperator(string tenantId, string email, string displayName, string role, string password) =>
        Post($"operators?tenantId={tenantId}", new { email, displayName, role, password });

    public Task RegisterExporter(string address, string name) => Post("exporters", new { address, name });

    /// <summary>The items of a list, for example <c>incidents?tenantId=...</c>.</summary>
    public async Task<IReadOnlyList<JsonElement>> List(string path) => [.. (await Get(path)).GetProperty("items").EnumerateArray()];

    public async Task<JsonElement> Get(string path)
    {
        using var answer = await _http.GetAsync(path);
        return await Read(answer);
    }

    public async Task<JsonElement> Post(string path, object body)
    {
        using var answer = await _http.PostAsJsonAsync(path, body);
        return await Read(answer);
    }

    public async Task Put(string path, object body)
    {
        using var answer = await _http.PutAsJsonAsync(path, body);
        await Read(answer);
    }

    /// <summary>Opens a stream of server-sent events. Nothing that happens after this has answered is missed; each element is the data of one event.</summary>
    public async Task<IAsyncEnumerable<JsonElement>> Listen(string path, CancellationToken cancellationToken) =>
        Events(await _http.GetStreamAsync(path, cancellationToken), cancellationToken);

    public void Dispose() => _http.Dispose();

    private static async IAsyncEnumerable<JsonElement> Events(
        Stream stream, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(stream);
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                yield return JsonSerializer.Deserialize<JsonElement>(line["data: ".Length..]);
            }
        }
    }

    private static async Task<JsonElement> Read(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode
            ? text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text)
            : throw new LocalStackException($"{answer.RequestMessage?.Method} {answer.RequestMessage?.RequestUri} answered {(int)answer.StatusCode}: {text}");
    }
}
