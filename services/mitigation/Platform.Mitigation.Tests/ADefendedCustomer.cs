using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>One customer of a service with a network and a database for each test, whose settings and views may be tampered with.</summary>
public abstract class ADefendedCustomer(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private protected PostgresDatabase Database { get; } = new(postgres);

    private protected ANetwork Network { get; } = network;

    private protected Customer Customer { get; } = Customer.New();

    private protected ServiceHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await Database.InitializeAsync();
        Host = await Start();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Host.DisposeAsync();
        await Database.DisposeAsync();
    }

    private protected Wire.Mitigations.MitigationsClient Client => new(Host.Channel);

    private protected async Task Again(params (string Name, string Value)[] settings)
    {
        await Host.DisposeAsync();
        Host = await Start(settings);
    }

    private Task<ServiceHost> Start(params (string Name, string Value)[] settings) => AMitigationService.Start(
        Database,
        broker,
        Network,
        [
            ("Bgp:Speakers:0:FlowSpec", "true"),
            ("Bgp:Speakers:0:DiversionNextHopIPv4", "192.0.2.50"),
            .. settings,
        ]);

    private protected Task<IReadOnlyList<WantedCountermeasure>> Read() =>
        Host.Services.GetRequiredService<WantedCountermeasures>().Read(TestContext.Current.CancellationToken);

    private protected async Task Execute(string sql)
    {
        await using var command = Database.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    private protected async Task<StartMitigationResponse> ByHand(params Wire.CountermeasureSpec[] specs) => await Client.StartMitigationAsync(
        new() { ServiceCode = Customer.ServiceCode, Reason = "customer called", Countermeasures = { specs } }, As(Roles.Operator));

    private protected static Wire.CountermeasureSpec Rule(string prefix, uint sourcePort) => new()
    {
        Kind = "flowspec",
        Prefix = prefix,
        Rule = new Rule { Action = "discard", Protocol = 17, SourcePort = new() { From = sourcePort, To = sourcePort } },
    };

    private protected Task SetPolicy(string mode, params string[] allowed) => SetPolicyOf(Customer.ContractId.ToString(), mode, allowed);

    private protected async Task SetPolicyOf(string objectId, string mode, params string[] allowed)
    {
        await Client.SetDefensePolicyAsync(
            new()
            {
                ServiceCode = Customer.ServiceCode,
                ObjectId = objectId,
                Reason = "as agreed",
                Policy = new()
                {
                    Mode = mode,
                    AllowedSources = { allowed },
                    Steps = { new Wire.DefenseStep { Kind = "flowspec-discard", PatienceSeconds = 10 } },
                },
            },
            As(Roles.Administrator));
        await Host.CatchUp();
    }

    private protected Task Passes(Func<Task<bool>> until, string what) => Eventually.True(
        async () =>
        {
            Host.Clock.Advance(TimeSpan.FromMilliseconds(500));
            return await until();
        },
        TimeSpan.FromSeconds(30),
        what);

    private protected async Task<IReadOnlyList<Wire.Mitigation>> Mitigations() =>
        (await Client.ListMitigationsAsync(new ListMitigationsRequest(), As(Roles.Viewer))).Mitigations;

    private protected Task Deliver<T>(T fact)
        where T : class => Host.Deliver(fact, Tests.Customer.NewId());

    private protected Metadata AsProvider() => Host.As(TenantId.Provider, Roles.ProviderOperator);

    private protected Metadata As(string role) => Host.As(TenantId.Of(Customer.TenantId), role);
}
