using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Gateway.Access;
using Platform.Hosting;
using Accounts = Platform.Contracts.Grpc.Accounts.V1;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Gateway.Protection;

/// <summary><c>/capacity</c>: what the scrubbers can carry; <c>/contracts/{serviceCode}/always-on</c>: whose traffic runs through them always.</summary>
internal static class CapacityEndpoints
{
    /// <param name="Name">The pool.</param>
    /// <param name="LimitBitsPerSecond">What it can clean at once.</param>
    /// <param name="UsedBitsPerSecond">What contracts have a claim to.</param>
    /// <param name="HeadroomBitsPerSecond">What is left.</param>
    /// <param name="Contracts">How many.</param>
    /// <param name="Level"><c>ok</c>, <c>nearly-full</c>, <c>exceeded</c> or <c>away</c>.</param>
    public sealed record PoolAnswer(
        string Name, long LimitBitsPerSecond, long UsedBitsPerSecond, long HeadroomBitsPerSecond, int Contracts, string Level);

    /// <param name="Pools">None: the capacity is not limited.</param>
    /// <param name="UnplacedBitsPerSecond">What contracts need that fits into no pool.</param>
    public sealed record CapacityAnswer(IReadOnlyList<PoolAnswer> Pools, long UnplacedBitsPerSecond);

    /// <param name="Ordered">Whether the traffic runs through the scrubbers always.</param>
    public sealed record SetAlwaysOnRequest(bool Ordered);

    /// <param name="Ordered">Whether it is ordered.</param>
    /// <param name="ChangedAt">When it was ordered or cancelled (UTC); null when never.</param>
    /// <param name="Standing">Whether the diversion stands in the network now.</param>
    public sealed record AlwaysOnAnswer(bool Ordered, DateTimeOffset? ChangedAt, bool Standing);

    public static void MapCapacity(this IEndpointRouteBuilder routes)
    {
        routes.MapGroup("/capacity").WithTags("Protection").MapGet("", List).RequireAuthorization(Policies.ProviderRead)
            .WithSummary("Scrubbing pools with limit, use and headroom.");
        var alwaysOn = routes.MapGroup("/contracts/{serviceCode}/always-on").WithTags("Contracts").OfTenant();
        alwaysOn.MapGet("", Get).RequireAuthorization(Policies.Read).WithSummary("Whether the contract's traffic runs through the scrubbers always.").Refuses(404);
        alwaysOn.MapPut("", Set).RequireAuthorization(Policies.Administer)
            .WithSummary("Order or cancel that option of the contract; it switches within two seconds.").Refuses(404, 409, 422);
    }

    /// <summary>Refuses what does not fit. While mitigation does not answer nothing is promised: what there is room for is not known.</summary>
    public static async Task Admit(
        this Wire.Capacity.CapacityClient capacity, long declaredBitsPerSecond, IReadOnlyList<string> prefixes, string serviceCode = "", bool alwaysOn = false)
    {
        if (declaredBitsPerSecond > 0) // else accounts says what is missing
        {
            await capacity.AdmitContractAsync(new Wire.AdmitContractRequest
            {
                DeclaredBitsPerSecond = declaredBitsPerSecond,
                ServiceCode = serviceCode,
                AlwaysOn = alwaysOn,
                Prefixes = { prefixes },
            });
        }
    }

    private static async Task<Ok<CapacityAnswer>> List(Wire.Capacity.CapacityClient capacity)
    {
        var answer = await capacity.ListPoolsAsync(new Wire.ListPoolsRequest());
        return TypedResults.Ok(new CapacityAnswer(
            [
                .. answer.Pools.Select(pool => new PoolAnswer(
                    pool.Name, pool.LimitBitsPerSecond, pool.UsedBitsPerSecond, pool.HeadroomBitsPerSecond, pool.Contracts, pool.Level)),
            ],
            answer.UnplacedBitsPerSecond));
    }

    private static async Task<Ok<AlwaysOnAnswer>> Get(string serviceCode, HttpContext http, Wire.Capacity.CapacityClient capacity)
    {
        var answer = await capacity.GetAlwaysOnAsync(new Wire.GetAlwaysOnRequest { TenantId = TenantScope.Of(http), ServiceCode = serviceCode });
        return TypedResults.Ok(new AlwaysOnAnswer(answer.Ordered, answer.ChangedAt.ToInstant(), answer.Standing));
    }

    /// <summary>Mitigation says whether it can be; the contract orders it.</summary>
    private static async Task<NoContent> Set(
        string serviceCode,
        SetAlwaysOnRequest request,
        HttpContext http,
        Wire.Capacity.CapacityClient capacity,
        Accounts.Contracts.ContractsClient contracts)
    {
        var tenantId = TenantScope.Of(http);
        if (request.Ordered)
        {
            await capacity.AdmitAlwaysOnAsync(new Wire.AdmitAlwaysOnRequest { TenantId = tenantId, ServiceCode = serviceCode });
        }

        await contracts.SetAlwaysOnAsync(new Accounts.SetAlwaysOnRequest { TenantId = tenantId, ServiceCode = serviceCode, Ordered = request.Ordered });
        return TypedResults.NoContent();
    }
}
