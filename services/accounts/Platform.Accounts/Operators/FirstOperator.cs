using Microsoft.Extensions.Options;
using Platform.EventStore;

namespace Platform.Accounts.Operators;

/// <summary>Registers the first provider operator when the installation has none, so that somebody can sign in at all.</summary>
internal sealed class FirstOperator(
    IOptions<FirstOperatorOptions> options, StreamStore store, IServiceScopeFactory scopes, ILogger<FirstOperator> log) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.Value is not { Email: { Length: > 0 } email, Password: { } password })
        {
            return;
        }

        var (state, _) = await store.Tenant(TenantId.Provider).Load(OperatorsState.Stream, OperatorsState.Key, cancellationToken);
        if (state.Roles.ContainsValue(OperatorRoles.ProviderOperator))
        {
            return;
        }

        await using var scope = scopes.CreateAsyncScope();
        var person = new NewOperator(email, "First operator", OperatorRoles.ProviderOperator, password);
        var (id, reason) = await scope.ServiceProvider.GetRequiredService<OperatorRegistration>().Register(
            TenantId.Provider, person, new Cause("first-operator", "service:accounts"), cancellationToken);
        log.FirstOperator(id, reason?.Code ?? "registered"); // another replica may have been faster
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
