using Grpc.Core;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using Wire = Platform.Contracts.Grpc.Accounts.V1;

namespace Platform.Accounts.Tests;

/// <summary>Accounts on real servers, one for all tests: each makes its own tenants, so none sees another's.</summary>
public sealed class AnAccountsService(PostgresServer postgres, RabbitMqServer rabbit) : IAsyncLifetime
{
    public const string FirstEmail = "first@provider.example";
    public const string FirstPassword = "correct horse battery staple";

    private readonly PostgresDatabase _database = new(postgres);
    private readonly RabbitMqVirtualHost _broker = new(rabbit);
    private int _prefixes;

    public ServiceHost Host { get; private set; } = null!;

    public PostgresDatabase Database => _database;

    public Wire.Tenants.TenantsClient Tenants => new(Host.Channel);

    public Wire.Contracts.ContractsClient Contracts => new(Host.Channel);

    public Wire.Operators.OperatorsClient Operators => new(Host.Channel);

    /// <summary>Metadata of a provider operator.</summary>
    public Metadata AsProvider => Host.As(TenantId.Provider, Roles.ProviderOperator);

    /// <summary>Metadata of the gateway before sign-in.</summary>
    public Metadata AsGateway => Host.As(TenantId.Provider, Roles.Gateway, "gateway");

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        await _broker.InitializeAsync();
        Host = await ServiceHost.Start(new ServiceSetup
        {
            Add = builder =>
            {
                builder.AddPlatform("accounts");
                builder.AddAccounts();
            },
            Map = app =>
            {
                app.MapPlatform();
                app.MapAccounts();
            },
            Database = _database,
            Broker = _broker,
            Settings = new Dictionary<string, string?>
            {
                ["Accounts:FirstOperator:Email"] = FirstEmail,
                ["Accounts:FirstOperator:Password"] = FirstPassword,
                ["Lockout:MaxFailures"] = "3",
            },
        });
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await _broker.DisposeAsync();
        await _database.DisposeAsync();
    }

    /// <summary>A prefix that no other test has.</summary>
    public string FreshPrefix()
    {
        var number = Interlocked.Increment(ref _prefixes);
        return $"100.{64 + (number / 256)}.{number % 256}.0/24";
    }

    public async Task<TenantId> ATenant(string name = "Example Trading")
    {
        var answer = await Tenants.RegisterTenantAsync(new() { Name = name }, AsProvider);
        return TenantId.Parse(answer.TenantId);
    }

    /// <summary>A contract in force; its service code.</summary>
    public async Task<string> AContract(TenantId tenant, params string[] prefixes)
    {
        var answer = await Contracts.SignContractAsync(AContractRequest(tenant, prefixes), AsProvider);
        return answer.ServiceCode;
    }

    public Wire.SignContractRequest AContractRequest(TenantId tenant, params string[] prefixes) => new()
    {
        TenantId = tenant.Value,
        Service = "ddos",
        Prefixes = { prefixes.Length == 0 ? [FreshPrefix()] : prefixes },
        DeclaredBitsPerSecond = 1_000_000_000,
    };

    /// <summary>An operator who can sign in; id and mail address.</summary>
    public async Task<(string Id, string Email)> AnOperator(TenantId tenant, string role = "administrator", string password = FirstPassword)
    {
        var email = $"{Secrets.Name("person")}@customer.example";
        var answer = await Operators.RegisterOperatorAsync(
            new() { TenantId = tenant.Value, Email = email, DisplayName = "Aoi", Role = role, Password = password }, AsProvider);
        return (answer.OperatorId, email);
    }

    /// <summary>Tries to sign in; the code of the refusal, or null.</summary>
    public async Task<string?> SignIn(string email, string password)
    {
        var refusal = await Refusal.Of(
            Operators.SignInAsync(new() { Email = email, Password = password, SourceAddress = "192.0.2.7" }, AsGateway).ResponseAsync);
        return refusal?.Code;
    }
}

/// <summary>Tests that share the service run one after the other: some of them move its clock.</summary>
[CollectionDefinition(nameof(AnAccountsService))]
public sealed class OneAccountsService : ICollectionFixture<AnAccountsService>;

/// <summary>How a call was refused.</summary>
public sealed record Refusal(StatusCode Status, string? Code, string Detail)
{
    public static async Task<Refusal?> Of(Task call)
    {
        try
        {
            await call;
            return null;
        }
        catch (RpcException e)
        {
            return new(e.StatusCode, e.Trailers.GetValue(Rejections.CodeTrailer), e.Status.Detail);
        }
    }
}
