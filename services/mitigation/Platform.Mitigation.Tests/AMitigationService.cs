using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Platform.Contracts.Accounts.V1;
using Platform.Contracts.Detection.V1;
using Platform.Hosting;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Capacity;
using Platform.Mitigation.Effects;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Scrubbers;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;

namespace Platform.Mitigation.Tests;

/// <summary>The service as its program composes it, with a network; each test takes a customer of its own.</summary>
internal static class AMitigationService
{
    public static Task<ServiceHost> Start(
        PostgresDatabase database, RabbitMqVirtualHost broker, ANetwork network, params (string Name, string Value)[] settings) =>
        ServiceHost.Start(new ServiceSetup
        {
            Add = builder =>
            {
                builder.AddPlatform("mitigation");
                builder.AddMitigation();
                builder.Services.AddGrpc();
            },
            Map = app =>
            {
                app.MapPlatform();
                app.MapGrpcService<MitigationsService>();
                app.MapGrpcService<ScrubbersService>();
                app.MapGrpcService<CapacityService>();
                app.MapGrpcService<SpeakersService>();
            },
            Database = database,
            Broker = broker,
            Settings = Standard(network).Concat(settings).GroupBy(it => it.Name).ToDictionary(it => it.Key, it => (string?)it.Last().Value),
        });

    /// <summary>A second in which what is in force is measured, as it is in each: on a busy machine a clock that is only moved leaves the meter behind.</summary>
    public static async Task PassesASecond(this ServiceHost host)
    {
        var meter = host.Services.GetServices<IHostedService>().OfType<EffectMeter>().Single();
        await Eventually.True(() => meter.HasLooked(DateTimeOffset.MinValue), what: "the seat of who measures");
        host.Clock.Advance(TimeSpan.FromSeconds(1));
        await Eventually.True(() => meter.HasLooked(host.Clock.GetUtcNow()), what: "a look at the effects");
    }

    private static IEnumerable<(string Name, string Value)> Standard(ANetwork network) =>
    [
        ("Bgp:Speakers:0:Name", "edge"),
        ("Bgp:Speakers:0:Address", network.Speaker.Api.ToString()),
        ("Bgp:CompareInterval", "00:00:00.200"),
        ("Mitigations:BlackholeFrom", "Low"), // so that every attack has an answer that any speaker takes
        ("Effects:FlowsShowDrops", "true"),
        ("Scrubbers:AwayAfter", "00:00:10"), // so that nobody waits long
    ];

    public static ContractSigned Signed(this Customer customer, params string[] prefixes) => new()
    {
        TenantId = customer.TenantId,
        ContractId = customer.ContractId,
        ServiceCode = customer.ServiceCode,
        Service = "ddos",
        Prefixes = prefixes,
        DeclaredBitsPerSecond = 1_000_000_000,
        Version = 1,
        SignedAt = DateTimeOffset.UnixEpoch,
    };

    public static ContractChanged Changed(this Customer customer, long version, params string[] prefixes) => new()
    {
        TenantId = customer.TenantId,
        ContractId = customer.ContractId,
        ServiceCode = customer.ServiceCode,
        Service = "ddos",
        Prefixes = prefixes,
        DeclaredBitsPerSecond = 1_000_000_000,
        Version = version,
        ChangedAt = DateTimeOffset.UnixEpoch,
    };

    public static ContractTerminated Terminated(this Customer customer, long version = 9) => new()
    {
        TenantId = customer.TenantId,
        ContractId = customer.ContractId,
        ServiceCode = customer.ServiceCode,
        Service = "ddos",
        Version = version,
        TerminatedAt = DateTimeOffset.UnixEpoch,
    };

    public static AnomalyDetected Attacked(this Customer customer, string target, Guid anomalyId) => new()
    {
        TenantId = customer.TenantId,
        ServiceCode = customer.ServiceCode,
        ObjectId = customer.ContractId,
        AnomalyId = anomalyId,
        Target = target,
        Vectors = [],
        BitsPerSecond = 1,
        PacketsPerSecond = 1,
        Since = DateTimeOffset.UnixEpoch,
        DetectedAt = DateTimeOffset.UnixEpoch,
    };

    public static AnomalyDetected AttackedBy(this Customer customer, string target, Guid anomalyId, params string[] vectors) =>
        customer.Attacked(target, anomalyId) with
        {
            Vectors =
            [
                .. vectors.Select(vector => new VectorRate
                {
                    Vector = vector,
                    BitsPerSecond = 80_000_000,
                    PacketsPerSecond = 20_000,
                    ThresholdBitsPerSecond = 8_000_000,
                }),
            ],
        };

    public static AnomalyChanged Grown(this Customer customer, string target, Guid anomalyId, int revision, params string[] vectors) => new()
    {
        TenantId = customer.TenantId,
        ServiceCode = customer.ServiceCode,
        ObjectId = customer.ContractId,
        AnomalyId = anomalyId,
        Target = target,
        Vectors = customer.AttackedBy(target, anomalyId, vectors).Vectors,
        PeakBitsPerSecond = 90_000_000,
        PeakPacketsPerSecond = 30_000,
        Revision = revision,
        ChangedAt = DateTimeOffset.UnixEpoch,
    };

    public static AnomalyEnded Relieved(this Customer customer, string target, Guid anomalyId) => new()
    {
        TenantId = customer.TenantId,
        ServiceCode = customer.ServiceCode,
        ObjectId = customer.ContractId,
        AnomalyId = anomalyId,
        Target = target,
        PeakBitsPerSecond = 1,
        PeakPacketsPerSecond = 1,
        Reason = "subsided",
        Until = DateTimeOffset.UnixEpoch,
        EndedAt = DateTimeOffset.UnixEpoch,
    };
}

/// <summary>A tenant with one contract.</summary>
internal sealed record Customer(Guid TenantId, Guid ContractId, string ServiceCode)
{
    private static int _count;

    public static Customer New()
    {
        var number = Interlocked.Increment(ref _count);
        return new(NewId(), NewId(), $"DP{number:D8}");
    }

    public static Guid NewId() => Guid.CreateVersion7(TimeProvider.System.GetUtcNow());
}
