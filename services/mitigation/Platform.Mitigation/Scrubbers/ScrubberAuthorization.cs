using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace Platform.Mitigation.Scrubbers;

/// <summary>Agents are machines: they prove themselves with a token of their own, and may do one thing.</summary>
internal static class ScrubberAuthorization
{
    public const string Policy = "Scrubber";
    public const string Header = "x-platform-scrubber";

    public static void AddScrubberAuthorization(this IServiceCollection services) =>
        services.AddAuthorizationBuilder().AddPolicy(Policy, policy => policy.RequireAssertion(context =>
            context.Resource is HttpContext http && AgentOf(http) is not null));

    /// <summary>The agent that calls; null when the token is wrong.</summary>
    public static ScrubberAgent? AgentOf(HttpContext http)
    {
        var parts = http.Request.Headers[Header].ToString().Split(':', 2);
        var agents = http.RequestServices.GetRequiredService<IOptions<ScrubberOptions>>().Value.Agents;
        return parts.Length == 2 && agents.FirstOrDefault(agent => agent.Name == parts[0]) is { } named && Matches(named.Token, parts[1])
            ? named
            : null;
    }

    private static bool Matches(string expected, string given) => CryptographicOperations.FixedTimeEquals(
        SHA256.HashData(Encoding.UTF8.GetBytes(expected)), SHA256.HashData(Encoding.UTF8.GetBytes(given)));
}
