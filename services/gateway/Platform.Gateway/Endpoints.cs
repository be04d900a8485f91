using Google.Protobuf.WellKnownTypes;
using Platform.Gateway.Access;

namespace Platform.Gateway;

/// <summary>A list in an answer: an object, so that members can be added later.</summary>
internal sealed record ListAnswer<T>(IReadOnlyList<T> Items)
{
    public static ListAnswer<T> Of<TWire>(IEnumerable<TWire> wire, Func<TWire, T> map) => new([.. wire.Select(map)]);
}

/// <summary>What the endpoints of all subjects share.</summary>
internal static class Endpoints
{
    /// <summary>States in the description which refusals to expect beside those that every route has.</summary>
    public static TBuilder Refuses<TBuilder>(this TBuilder route, params int[] statuses)
        where TBuilder : IEndpointConventionBuilder
    {
        foreach (var status in statuses)
        {
            route.WithMetadata(new ProducesResponseTypeMetadata(status, typeof(Microsoft.AspNetCore.Mvc.ProblemDetails), ["application/problem+json"]));
        }

        return route;
    }

    /// <summary>Routes about one tenant's things take <c>?tenantId=</c>; see <see cref="TenantScope"/>.</summary>
    public static RouteGroupBuilder OfTenant(this RouteGroupBuilder routes) =>
        routes.AddEndpointFilter<TenantScope>().WithMetadata(TenantScoped.Instance);

    public static DateTimeOffset? ToInstant(this Timestamp? timestamp) => timestamp?.ToDateTimeOffset();
}

/// <summary>Marks routes that take <c>?tenantId=</c>.</summary>
internal sealed class TenantScoped
{
    public static TenantScoped Instance { get; } = new();
}
