using Microsoft.AspNetCore.Http.HttpResults;
using Platform.Gateway.Access;
using Platform.Gateway.Protection;
using Platform.Hosting;
using Capacity = Platform.Contracts.Grpc.Mitigation.V1.Capacity;
using Wire = Platform.Contracts.Grpc.Accounts.V1;

namespace Platform.Gateway.Contracts;

/// <summary><c>/contracts</c>: what customers ordered, by service code.</summary>
internal static class ContractEndpoints
{
    /// <param name="TenantId">Whose contract.</param>
    /// <param name="Service">What is ordered: <c>ddos</c>.</param>
    /// <param name="Prefixes">Protected prefixes, canonical CIDR notation.</param>
    /// <param name="DeclaredBitsPerSecond">Greatest bandwidth of the protected target, above 0.</param>
    /// <param name="ContractId">UUID chosen by the caller, so that a repeat is harmless; absent: made by the service.</param>
    /// <param name="AlwaysOn">Option: its traffic runs through the scrubbers always.</param>
    public sealed record SignContractRequest(
        Guid TenantId, string Service, IReadOnlyList<string> Prefixes, long DeclaredBitsPerSecond, Guid? ContractId = null, bool AlwaysOn = false);

    public sealed record ContractSignedAnswer(string ContractId, string ServiceCode);

    /// <param name="Prefixes">All protected prefixes from now on.</param>
    /// <param name="DeclaredBitsPerSecond">Greatest bandwidth from now on.</param>
    public sealed record ChangeContractRequest(IReadOnlyList<string> Prefixes, long DeclaredBitsPerSecond);

    public sealed record ContractChangedAnswer(long Version);

    public sealed record ContractTerminatedAnswer(DateTimeOffset TerminatedAt);

    /// <param name="Label">At most 100 characters; empty clears it.</param>
    public sealed record LabelContractRequest(string Label);

    /// <param name="ServiceCode">Unique and never reused.</param>
    /// <param name="ContractId">UUID.</param>
    /// <param name="TenantId">Whose contract.</param>
    /// <param name="Service">What was ordered.</param>
    /// <param name="Prefixes">Protected prefixes, CIDR notation.</param>
    /// <param name="DeclaredBitsPerSecond">Greatest declared bandwidth.</param>
    /// <param name="Label">The customer's own name for it; null without.</param>
    /// <param name="SignedAt">When (UTC).</param>
    /// <param name="TerminatedAt">When it ended (UTC); null while in force.</param>
    /// <param name="AlwaysOn">Option: its traffic runs through the scrubbers always.</param>
    public sealed record ContractAnswer(
        string ServiceCode,
        string ContractId,
        string TenantId,
        string Service,
        IReadOnlyList<string> Prefixes,
        long DeclaredBitsPerSecond,
        string? Label,
        DateTimeOffset SignedAt,
        DateTimeOffset? TerminatedAt,
        bool AlwaysOn);

    public static void MapContracts(this IEndpointRouteBuilder routes)
    {
        var contracts = routes.MapGroup("/contracts").WithTags("Contracts");
        contracts.MapGroup("").OfTenant().MapGet("", List).RequireAuthorization(Policies.Read)
            .WithSummary("Contracts of the tenant; for the provider's staff of all tenants unless one is named.");
        contracts.MapPost("", Sign).RequireAuthorization(Policies.ProviderOperate).WithSummary("Sign a contract.").Refuses(404, 409, 422);
        contracts.MapPut("/{serviceCode}", Change).RequireAuthorization(Policies.ProviderOperate)
            .WithSummary("Replace prefixes and declared bandwidth.").Refuses(404, 409, 422);
        contracts.MapPost("/{serviceCode}/termination", Terminate).RequireAuthorization(Policies.ProviderOperate)
            .WithSummary("End a contract: protection stops, its data dies on its dated terms.").Refuses(404);
        contracts.MapPut("/{serviceCode}/label", Label).RequireAuthorization(Policies.Operate)
            .WithSummary("The customer's own label for a contract.").Refuses(404, 422);
    }

    private static async Task<Ok<ListAnswer<ContractAnswer>>> List(HttpContext http, Wire.Contracts.ContractsClient contracts)
    {
        var answer = await contracts.ListContractsAsync(new Wire.ListContractsRequest { TenantId = TenantScope.Of(http) });
        return TypedResults.Ok(ListAnswer<ContractAnswer>.Of(answer.Contracts, contract => new ContractAnswer(
            contract.ServiceCode,
            contract.ContractId,
            contract.TenantId,
            contract.Service,
            contract.Prefixes,
            contract.DeclaredBitsPerSecond,
            contract.Label.Length == 0 ? null : contract.Label,
            contract.SignedAt.ToDateTimeOffset(),
            contract.TerminatedAt.ToInstant(),
            contract.AlwaysOn)));
    }

    private static async Task<Created<ContractSignedAnswer>> Sign(
        SignContractRequest request, Wire.Contracts.ContractsClient contracts, Capacity.CapacityClient capacity)
    {
        await capacity.Admit(request.DeclaredBitsPerSecond, request.Prefixes, alwaysOn: request.AlwaysOn);
        var answer = await contracts.SignContractAsync(new Wire.SignContractRequest
        {
            TenantId = request.TenantId.ToString(),
            Service = request.Service,
            Prefixes = { request.Prefixes },
            DeclaredBitsPerSecond = request.DeclaredBitsPerSecond,
            ContractId = request.ContractId?.ToString() ?? "",
            AlwaysOn = request.AlwaysOn,
        });
        return TypedResults.Created((string?)null, new ContractSignedAnswer(answer.ContractId, answer.ServiceCode));
    }

    private static async Task<Ok<ContractChangedAnswer>> Change(
        string serviceCode, ChangeContractRequest request, Wire.Contracts.ContractsClient contracts, Capacity.CapacityClient capacity)
    {
        await capacity.Admit(request.DeclaredBitsPerSecond, request.Prefixes, serviceCode);
        var answer = await contracts.ChangeContractAsync(new Wire.ChangeContractRequest
        {
            ServiceCode = serviceCode,
            Prefixes = { request.Prefixes },
            DeclaredBitsPerSecond = request.DeclaredBitsPerSecond,
        });
        return TypedResults.Ok(new ContractChangedAnswer(answer.Version));
    }

    private static async Task<Ok<ContractTerminatedAnswer>> Terminate(string serviceCode, Wire.Contracts.ContractsClient contracts)
    {
        var answer = await contracts.TerminateContractAsync(new Wire.TerminateContractRequest { ServiceCode = serviceCode });
        return TypedResults.Ok(new ContractTerminatedAnswer(answer.TerminatedAt.ToDateTimeOffset()));
    }

    private static async Task<NoContent> Label(string serviceCode, LabelContractRequest request, Wire.Contracts.ContractsClient contracts)
    {
        await contracts.LabelContractAsync(new Wire.LabelContractRequest { ServiceCode = serviceCode, Label = request.Label });
        return TypedResults.NoContent();
    }
}
