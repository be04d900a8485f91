using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Microsoft.EntityFrameworkCore;
using Platform.Accounts.Tenants;
using Platform.EventStore;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Accounts.V1;

namespace Platform.Accounts.Operators;

/// <summary>Operators and their sign-in, over gRPC.</summary>
internal sealed class OperatorsService(
    StreamStore store, OperatorRegistration registration, SignIn signIn, OperatorAccounts accounts, TimeProvider clock)
    : Wire.Operators.OperatorsBase
{
    [Authorize(Policy = Policies.Administer)]
    public override async Task<Wire.RegisterOperatorResponse> RegisterOperator(Wire.RegisterOperatorRequest request, ServerCallContext context)
    {
        var tenant = TenantOf(request.TenantId, context);
        if (tenant != TenantId.Provider
            && !(await store.Tenant(tenant).Load(TenantState.Stream, tenant.Value, context.CancellationToken)).State.Registered)
        {
            throw TenantRejections.NotFound().ToRpcException();
        }

        var person = new NewOperator(request.Email, request.DisplayName, request.Role, request.Password);
        var (id, reason) = await registration.Register(tenant, person, context.Cause(), context.CancellationToken);
        return reason is null
            ? new Wire.RegisterOperatorResponse { OperatorId = id.ToString() }
            : throw reason.ToRpcException();
    }

    [Authorize(Policy = Policies.Administer)]
    public override async Task<Wire.DeleteOperatorResponse> DeleteOperator(Wire.DeleteOperatorRequest request, ServerCallContext context)
    {
        var tenant = TenantOf(request.TenantId, context);
        if (!Guid.TryParse(request.OperatorId, out var id))
        {
            throw OperatorRejections.NotFound().ToRpcException();
        }

        var decision = await store.Tenant(tenant).Handle(
            OperatorsState.Stream,
            OperatorsState.Key,
            state => OperatorsDecider.Decide(state, new DeleteOperator(id, clock.GetUtcNow())),
            context.Cause(),
            context.CancellationToken);
        decision.OrThrow();
        await accounts.Operators.Where(a => a.Id == id && a.TenantId == tenant.Value).ExecuteDeleteAsync(context.CancellationToken);
        return new Wire.DeleteOperatorResponse();
    }

    [Authorize(Policy = Policies.Administer)]
    public override async Task<Wire.ListOperatorsResponse> ListOperators(Wire.ListOperatorsRequest request, ServerCallContext context)
    {
        var tenant = TenantOf(request.TenantId, context);
        var (state, _) = await store.Tenant(tenant).Load(OperatorsState.Stream, OperatorsState.Key, context.CancellationToken);
        var people = await accounts.Operators.AsNoTracking()
            .Where(a => a.TenantId == tenant.Value).OrderBy(a => a.NormalizedEmail).ToListAsync(context.CancellationToken);
        return new Wire.ListOperatorsResponse
        {
            Operators = { people.Where(a => state.Roles.ContainsKey(a.Id)).Select(a => ToWire(a, state.Roles[a.Id])) },
        };
    }

    [Authorize(Policy = Policies.Gateway)]
    public override async Task<Wire.SignInResponse> SignIn(Wire.SignInRequest request, ServerCallContext context)
    {
        var person = await signIn.Try(request.Email, request.Password, request.SourceAddress, context.Cause(), context.CancellationToken);
        return person is var (account, role)
            ? new Wire.SignInResponse { Operator = ToWire(account, role) }
            : throw new RpcException(
                new Status(StatusCode.Unauthenticated, "Check mail address and password; after several failures wait and try again."),
                new Metadata { { Rejections.CodeTrailer, "sign-in-refused" }, { Rejections.TitleTrailer, "Sign-in was refused." } });
    }

    [Authorize(Policy = Policies.Gateway)]
    public override async Task<Wire.GetOperatorResponse> GetOperator(Wire.GetOperatorRequest request, ServerCallContext context)
    {
        var account = Guid.TryParse(request.OperatorId, out var id)
            ? await accounts.Operators.AsNoTracking().SingleOrDefaultAsync(a => a.Id == id, context.CancellationToken)
            : null;
        return account is not null && await signIn.RoleOf(account, context.CancellationToken) is { } role
            ? new Wire.GetOperatorResponse { Operator = ToWire(account, role) }
            : throw OperatorRejections.NotFound().ToRpcException();
    }

    /// <summary>Empty is the caller's own tenant, the provider's staff included.</summary>
    private static TenantId TenantOf(string requested, ServerCallContext context)
    {
        var caller = context.Caller();
        return requested.Length == 0 ? caller.Tenant : caller.TenantFor(requested);
    }

    private static Wire.Operator ToWire(OperatorAccount account, string role) => new()
    {
        OperatorId = account.Id.ToString(),
        TenantId = account.TenantId,
        Email = account.Email,
        DisplayName = account.DisplayName,
        Role = role,
    };
}
