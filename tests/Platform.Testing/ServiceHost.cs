using System.Collections.Concurrent;
using System.Security.Cryptography;
using Grpc.Core;
using Grpc.Net.Client;
using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Testing;

/// <summary>
/// One service in this process, composed as its Program does: real database, real broker, gRPC over loopback, and a
/// clock that the test
/// moves. Migrated at the start; facts go in through the broker.
/// </summary>
public sealed class ServiceHost : IAsyncDisposable
{
    // MassTransit keeps the first logger factory of a process for ever, so it must outlive every host.
    private static readonly ILoggerFactory Logs =
        LoggerFactory.Create(logs => logs.AddSimpleConsole().SetMinimumLevel(LogLevel.Warning));

    // One for all hosts: a database may be used by several, one after another.
    private static readonly string SealingKey = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    private readonly ServiceSetup _setup;
    private readonly TemporaryFolder _keys = new("caller-keys");
    private readonly Dictionary<string, string?> _settings;
    private readonly Deliveries _deliveries = new();
    private readonly int _grpcPort = Loopback.FreePort();
    private WebApplication? _app;

    private ServiceHost(ServiceSetup setup)
    {
        _setup = setup;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(_keys.File("sign.pem"), key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(_keys.File("verify.pem"), key.ExportSubjectPublicKeyInfoPem());
        File.WriteAllText(_keys.File("seal.keys"), SealingKey);
        _settings = new()
        {
            ["ConnectionStrings:Postgres"] = setup.Database.ConnectionString,
            ["RabbitMq:Host"] = setup.Broker.Host,
            ["RabbitMq:Port"] = $"{setup.Broker.Port}",
            ["RabbitMq:VirtualHost"] = setup.Broker.Name,
            ["RabbitMq:User"] = setup.Broker.User,
            ["RabbitMq:Password"] = setup.Broker.Password,
            ["Listen:Health"] = $"127.0.0.1:{Loopback.FreePort()}",
            ["Listen:Grpc"] = $"127.0.0.1:{_grpcPort}",
            ["Caller:SigningKeyFile"] = _keys.File("sign.pem"), // a test is its own gateway
            ["Caller:VerificationKeyFile"] = _keys.File("verify.pem"),
            ["Sealing:KeyFile"] = _keys.File("seal.keys"),
        };
        foreach (var (name, value) in setup.Settings)
        {
            _settings[name] = value;
        }

        Channel = GrpcChannel.ForAddress($"http://127.0.0.1:{_grpcPort}");
    }

    /// <summary>Migrates and starts a service.</summary>
    public static async Task<ServiceHost> Start(ServiceSetup setup)
    {
        var host = new ServiceHost(setup);
        if (await host.Build().RunPlatformAsync(["migrate"]) != 0)
        {
            throw new InvalidOperationException("The service could not migrate; see its log.");
        }

        await host.Start();
        return host;
    }

    /// <summary>The clock of the service.</summary>
    public ManualTimeProvider Clock => _setup.Clock;

    /// <summary>For generated clients: <c>new Incidents.IncidentsClient(host.Channel)</c>.</summary>
    public GrpcChannel Channel { get; }

    /// <summary>What the service is composed of.</summary>
    public IServiceProvider Services => App.Services;

    /// <summary>Streams of the service.</summary>
    public StreamStore Store => Services.GetRequiredService<StreamStore>();

    /// <summary>Metadata of a call by this caller, signed as the gateway would.</summary>
    public Metadata As(TenantId tenant, string role, string operatorId = "0190eeee-0000-7000-8000-000000000001") => new()
    {
        { CallerContext.Header, Services.GetRequiredService<CallerContext>().Sign(new Caller(operatorId, tenant, role, "192.0.2.1")) },
    };

    /// <summary>
    /// Publishes a fact as a neighbour would, and waits until the service has consumed it (once more).
    /// </summary>
    /// <param name="fact">A contract record.</param>
    /// <param name="messageId">Repeat it to deliver the same message again.</param>
    public async Task Deliver(object fact, Guid messageId)
    {
        var before = _deliveries.Of(messageId);
        await Services.GetRequiredService<IBus>().Publish(fact, fact.GetType(), context => context.MessageId = messageId);
        await Eventually.Get(
            () => (Times: _deliveries.Of(messageId), _deliveries.LastFault),
            seen => seen.Times > before,
            what: $"{fact.GetType().Name} to be consumed");
    }

    /// <summary>Waits until views and relay have seen everything that is stored.</summary>
    public async Task CatchUp()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(15));
        var feed = Services.GetRequiredService<EventFeed>();
        var readers = Services.GetServices<IProjection>().Select(projection => projection.Name);
        foreach (var reader in Services.GetServices<IPublications>().Any() ? readers.Append("relay") : readers)
        {
            await feed.CatchUp(reader, deadline.Token);
        }
    }

    /// <summary>Listens for a fact as a neighbour would.</summary>
    public async Task<FactListener<T>> Listen<T>()
        where T : class
    {
        var heard = new ConcurrentQueue<ConsumeContext<T>>();
        var bus = Bus.Factory.CreateUsingRabbitMq(rabbit =>
        {
            rabbit.Host(_setup.Broker.Host, (ushort)_setup.Broker.Port, _setup.Broker.Name, host =>
            {
                host.Username(_setup.Broker.User);
                host.Password(_setup.Broker.Password);
            });
            rabbit.ReceiveEndpoint(Secrets.Name("neighbour"), endpoint =>
            {
                endpoint.AutoDelete = true;
                endpoint.Handler<T>(context =>
                {
                    heard.Enqueue(context);
                    return Task.CompletedTask;
                });
            });
        });
        await bus.StartAsync();
        return new FactListener<T>(bus, heard);
    }

    /// <summary>Stops the service and starts it again on the same database and broker, with the same clock.</summary>
    public async Task Restart()
    {
        await Stop();
        await Start();
    }

    /// <summary>Starts the service again after <see cref="Stop"/>.</summary>
    public async Task Start()
    {
        _app = Build();
        _app.Services.GetRequiredService<IBusControl>().ConnectReceiveObserver(_deliveries);
        await _app.StartAsync();
    }

    /// <summary>Stops the service; facts wait in its queues.</summary>
    public async Task Stop()
    {
        await App.StopAsync();
        await App.DisposeAsync();
        _app = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await Stop();
        }

        Channel.Dispose();
        _keys.Dispose();
    }

    private WebApplication App => _app ?? throw new InvalidOperationException("The service is stopped.");

    private WebApplication Build()
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            EnvironmentName = "Testing",
            ContentRootPath = AppContext.BaseDirectory,
        });
        builder.Configuration.AddInMemoryCollection(_settings);
        _setup.Add(builder);
        builder.Services.AddSingleton<TimeProvider>(_setup.Clock);
        builder.Services.AddSingleton(Logs);
        var app = builder.Build();
        _setup.Map(app);
        return app;
    }

    /// <summary>Counts how often each message was consumed to the end.</summary>
    private sealed class Deliveries : IReceiveObserver
    {
        private readonly ConcurrentDictionary<Guid, int> _consumed = new();

        public string LastFault { get; private set; } = "no fault so far";

        public int Of(Guid messageId) => _consumed.GetValueOrDefault(messageId);

        public Task PostConsume<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType)
            where T : class
        {
            _consumed.AddOrUpdate(context.MessageId ?? Guid.Empty, 1, (_, count) => count + 1);
            return Task.CompletedTask;
        }

        public Task ConsumeFault<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType, Exception exception)
            where T : class
        {
            LastFault = $"last fault: {exception}";
            return Task.CompletedTask;
        }

        public Task PreReceive(ReceiveContext context) => Task.CompletedTask;

        public Task PostReceive(ReceiveContext context) => Task.CompletedTask;

        public Task ReceiveFault(ReceiveContext context, Exception exception) => Task.CompletedTask;
    }
}

/// <summary>What a <see cref="ServiceHost"/> runs, and on what.</summary>
public sealed record ServiceSetup
{
    /// <summary>What Program.cs adds to the builder.</summary>
    public required Action<WebApplicationBuilder> Add { get; init; }

    /// <summary>What Program.cs maps.</summary>
    public required Action<WebApplication> Map { get; init; }

    /// <summary>The service's own database.</summary>
    public required PostgresDatabase Database { get; init; }

    /// <summary>Where its facts come and go.</summary>
    public required RabbitMqVirtualHost Broker { get; init; }

    public ManualTimeProvider Clock { get; init; } = new();

    /// <summary>Further settings, for example <c>Erasures:CheckInterval</c>.</summary>
    public IReadOnlyDictionary<string, string?> Settings { get; init; } = new Dictionary<string, string?>();
}

/// <summary>A neighbour that hears one kind of fact.</summary>
public sealed class FactListener<T> : IAsyncDisposable
    where T : class
{
    private readonly IBusControl _bus;
    private readonly ConcurrentQueue<ConsumeContext<T>> _heard;

    internal FactListener(IBusControl bus, ConcurrentQueue<ConsumeContext<T>> heard) => (_bus, _heard) = (bus, heard);

    /// <summary>Facts heard so far, in order of arrival.</summary>
    public IReadOnlyList<T> Facts => [.. _heard.Select(context => context.Message)];

    /// <summary>Their message ids.</summary>
    public IReadOnlyList<Guid?> MessageIds => [.. _heard.Select(context => context.MessageId)];

    /// <summary>Waits for the first fact that satisfies the condition.</summary>
    public async Task<T> Get(Func<T, bool> which)
    {
        var facts = await Eventually.Get(() => Facts, facts => facts.Any(which), what: typeof(T).Name);
        return facts.First(which);
    }

    public async ValueTask DisposeAsync() => await _bus.StopAsync();
}
