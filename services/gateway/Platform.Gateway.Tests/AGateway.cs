using System.Net;
using System.Security.Cryptography;
using Grpc.Core;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Platform.Accounts;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Reporting;
using Platform.Testing;
using Wire = Platform.Contracts.Grpc.Accounts.V1;

namespace Platform.Gateway.Tests;

/// <summary>Tests that share the gateway run one after the other: some of them move its clock.</summary>
[CollectionDefinition(nameof(AGateway))]
public sealed class OneGateway : ICollectionFixture<AGateway>;

/// <summary>A gateway with real accounts and reporting behind it; the other services do not answer.</summary>
public sealed class AGateway(PostgresServer postgres, RabbitMqServer rabbit) : IAsyncLifetime
{
    public const string Password = "correct horse battery staple";
    public const string ProviderEmail = "first@provider.example";

    private readonly PostgresDatabase _accountsDatabase = new(postgres);
    private readonly PostgresDatabase _reportingDatabase = new(postgres);
    private readonly RabbitMqVirtualHost _broker = new(rabbit);
    private readonly TemporaryFolder _folder = new("gateway");
    private readonly ManualTimeProvider _clock = new();
    private int _prefixes;

    public ServiceHost Host { get; private set; } = null!;

    public ServiceHost Accounts { get; private set; } = null!;

    public ServiceHost Reporting { get; private set; } = null!;

    public PostgresDatabase AccountsDatabase => _accountsDatabase;

    public ManualTimeProvider Clock => _clock;

    public Uri Address { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await _accountsDatabase.InitializeAsync();
        await _reportingDatabase.InitializeAsync();
        await _broker.InitializeAsync();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await File.WriteAllTextAsync(_folder.File("sign.pem"), key.ExportPkcs8PrivateKeyPem());
        await File.WriteAllTextAsync(_folder.File("verify.pem"), key.ExportSubjectPublicKeyInfoPem());
        Directory.CreateDirectory(_folder.File("session-keys"));
        Directory.CreateDirectory(_folder.File("portal"));
        await File.WriteAllTextAsync(_folder.File("portal/index.html"), "<!doctype html><title>Portal</title>");

        Accounts = await ServiceHost.Start(Setup(
            _accountsDatabase,
            builder => builder.AddPlatform("accounts").AddAccounts(),
            app => app.MapPlatform().MapAccounts(),
            new()
            {
                ["Accounts:FirstOperator:Email"] = ProviderEmail,
                ["Accounts:FirstOperator:Password"] = Password,
            }));
        Reporting = await ServiceHost.Start(Setup(
            _reportingDatabase,
            builder => builder.AddPlatform("reporting").AddReporting(),
            app => app.MapPlatform().MapReporting(),
            []));
        (Host, Address) = await Start();
    }

    /// <summary>One more gateway before the same services.</summary>
    public async Task<(ServiceHost Host, Uri Address)> Start(params (string Name, string Value)[] settings)
    {
        var port = Loopback.FreePort();
        var all = new Dictionary<string, string?>
        {
            ["Listen:Public"] = $"127.0.0.1:{port}",
            ["Session:KeyFolder"] = _folder.File("session-keys"),
            ["Session:SignInsPerMinute"] = "10000",
            ["Portal:Path"] = _folder.File("portal"),
            ["Services:Accounts"] = $"http://{Accounts.Channel.Target}",
            ["Services:Reporting"] = $"http://{Reporting.Channel.Target}",
        };
        foreach (var absent in (string[])["Ingestion", "Detection", "Mitigation", "Retention", "Notifications"])
        {
            all[$"Services:{absent}"] = $"http://127.0.0.1:{Loopback.FreePort()}";
        }

        foreach (var (name, value) in settings)
        {
            all[name] = value;
        }

        var host = await ServiceHost.Start(Setup(
            _accountsDatabase, // the gateway has none
            builder => builder.AddPlatform("gateway").AddGateway(),
            app =>
            {
                app.UseGateway();
                app.MapPlatform();
                app.MapGateway();
            },
            all));
        return (host, new Uri($"http://127.0.0.1:{port}"));
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await Reporting.DisposeAsync();
        await Accounts.DisposeAsync();
        await _broker.DisposeAsync();
        await _reportingDatabase.DisposeAsync();
        await _accountsDatabase.DisposeAsync();
        _folder.Dispose();
    }

    /// <summary>Nobody, in a browser that keeps cookies.</summary>
    public Browser ABrowser(Uri? gateway = null) => new(gateway ?? Address);

    /// <summary>The provider's first operator, signed in.</summary>
    public async Task<Browser> AProviderOperator()
    {
        var browser = ABrowser();
        Assert.Equal(HttpStatusCode.OK, (await browser.SignIn(ProviderEmail, Password)).StatusCode);
        return browser;
    }

    public async Task<TenantId> ATenant(string name = "Example Trading")
    {
        var answer = await new Wire.Tenants.TenantsClient(Accounts.Channel).RegisterTenantAsync(new() { Name = name }, AsProvider);
        return TenantId.Parse(answer.TenantId);
    }

    /// <summary>A contract in force; its service code.</summary>
    public async Task<string> AContract(TenantId tenant)
    {
        var number = Interlocked.Increment(ref _prefixes);
        var answer = await new Wire.Contracts.ContractsClient(Accounts.Channel).SignContractAsync(
            new()
            {
                TenantId = tenant.Value,
                Service = "ddos",
                Prefixes = { $"100.{64 + (number / 256)}.{number % 256}.0/24" },
                DeclaredBitsPerSecond = 1_000_000_000,
            },
            AsProvider);
        return answer.ServiceCode;
    }

    /// <summary>A registered operator: id and mail address.</summary>
    public async Task<(string Id, string Email)> AnOperator(TenantId tenant, string role = Roles.Administrator)
    {
        var email = $"{Secrets.Name("person")}@example.com";
        var answer = await new Wire.Operators.OperatorsClient(Accounts.Channel).RegisterOperatorAsync(
            new() { TenantId = tenant.Value, Email = email, DisplayName = "Aoi", Role = role, Password = Password }, AsProvider);
        return (answer.OperatorId, email);
    }

    /// <summary>An operator of this tenant, signed in.</summary>
    public async Task<Browser> SignedIn(TenantId tenant, string role = Roles.Administrator)
    {
        var (_, email) = await AnOperator(tenant, role);
        var browser = ABrowser();
        Assert.Equal(HttpStatusCode.OK, (await browser.SignIn(email, Password)).StatusCode);
        return browser;
    }

    /// <summary>Publishes a fact as the service that owns it would.</summary>
    public Task Publish<T>(T fact)
        where T : class => Reporting.Services.GetRequiredService<IBus>().Publish(fact, TestContext.Current.CancellationToken);

    public Guid NewId() => Guid.CreateVersion7(_clock.GetUtcNow());

    private Metadata AsProvider => Accounts.As(TenantId.Provider, Roles.ProviderOperator);

    private ServiceSetup Setup(
        PostgresDatabase database,
        Action<Microsoft.AspNetCore.Builder.WebApplicationBuilder> add,
        Action<Microsoft.AspNetCore.Builder.WebApplication> map,
        Dictionary<string, string?> settings)
    {
        settings["Caller:SigningKeyFile"] = _folder.File("sign.pem");
        settings["Caller:VerificationKeyFile"] = _folder.File("verify.pem");
        return new() { Add = add, Map = map, Database = database, Broker = _broker, Clock = _clock, Settings = settings };
    }
}
