using Microsoft.EntityFrameworkCore;
using Npgsql;
using Platform.Accounts.Contracts;
using Platform.Accounts.Erasures;
using Platform.Accounts.Operators;
using Platform.Accounts.Tenants;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Hosting.Erasures;

namespace Platform.Accounts;

/// <summary>Everything that the service consists of.</summary>
internal static class AccountsModule
{
    public static EventCatalog Events { get; } = EventCatalog.Of(
        typeof(TenantEvent), typeof(ContractEvent), typeof(OperatorEvent), typeof(ErasureEvent));

    public static void AddAccounts(this WebApplicationBuilder builder)
    {
        builder.Services.AddGrpc();
        builder.AddEventStore(Events);
        builder.AddMessaging("accounts", bus => bus.AddErasures());
        builder.AddProjection<RegisteredTenants>();
        builder.AddProjection<SignedContracts>();
        builder.AddPublications<AccountsPublications>();
        builder.AddValidatedOptions<LockOptions>(LockOptions.Section);
        builder.AddValidatedOptions<FirstOperatorOptions>(FirstOperatorOptions.Section);

        var services = builder.Services;
        services.AddSingleton<TenantNames>().AddSingleton<ListTenants>();
        services.AddSingleton<ServiceCodes>().AddSingleton<PrefixClaims>().AddSingleton<Labels>().AddSingleton<ListContracts>();
        services.AddSingleton<CustomerData>();
        builder.AddErasures<CustomerEraser>();
        services.AddDbContext<OperatorAccounts>((provider, options) => options.UseNpgsql(provider.GetRequiredService<NpgsqlDataSource>()));
        services.AddIdentityCore<OperatorAccount>().AddEntityFrameworkStores<OperatorAccounts>();
        services.AddScoped<OperatorRegistration>().AddScoped<SignIn>();
        services.AddHostedService<FirstOperator>();
    }

    public static void MapAccounts(this WebApplication app)
    {
        app.MapGrpcService<TenantsService>();
        app.MapGrpcService<ContractsService>();
        app.MapGrpcService<OperatorsService>();
    }
}
