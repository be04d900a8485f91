using System.Globalization;
using Platform.Contracts.Accounts.V1;
using Platform.Contracts.Detection.V1;

namespace Platform.Local.Chaos;

/// <summary>How an attack is answered.</summary>
internal enum ChaosKind
{
    /// <summary>A rule in the routers; one more when it gains a vector.</summary>
    Narrow,

    /// <summary>A blackhole.</summary>
    Broad,

    /// <summary>A diversion and a filter at the scrubber; one filter more when it gains a vector.</summary>
    Scrubbed,

    /// <summary>By nothing, until it grows graver: then a blackhole.</summary>
    Mild,
}

/// <summary>One attack of the plan, as detection tells of it.</summary>
/// <param name="BeginsAtKill">After how many kills it begins.</param>
/// <param name="GrowsAtKill">After how many kills it gains a vector or grows graver; null: it does not.</param>
/// <param name="EndsAtKill">After how many kills it ends; null: it goes on.</param>
/// <param name="EndsInOutage">It ends while the server that was killed last is still away.</param>
internal sealed record ChaosAttack(
    int Number, Guid AnomalyId, ChaosKind Kind, int BeginsAtKill, int? GrowsAtKill, int? EndsAtKill, bool EndsInOutage)
{
    private const int Ntp = 123, Memcached = 11211;

    public static Guid Tenant { get; } = Guid.Parse("0190aaaa-0000-7000-8000-000000000001");

    public static Guid ScrubbedObject { get; } = Guid.Parse("0190aaaa-0000-7000-8000-000000000002");

    public static Guid MildObject { get; } = Guid.Parse("0190aaaa-0000-7000-8000-000000000003");

    public static ContractSigned Contract { get; } = new()
    {
        TenantId = Tenant,
        ContractId = Tenant,
        ServiceCode = "DP00000001",
        Service = "ddos",
        Prefixes = ["203.0.113.0/24"],
        DeclaredBitsPerSecond = 1_000_000_000,
        Version = 1,
        SignedAt = DateTimeOffset.UnixEpoch,
    };

    public TaskCompletionSource Begins { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Grows { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Ends { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Target => string.Create(CultureInfo.InvariantCulture, $"203.0.113.{1 + Number}/32");

    /// <summary>What each speaker shows while it stands.</summary>
    public IEnumerable<string> Routes => Kind switch
    {
        ChaosKind.Narrow => Ports.Select(port => string.Create(CultureInfo.InvariantCulture, $"rule [destination: {Target}][protocol: ==udp][source-port: =={port}]")),
        ChaosKind.Scrubbed => [$"{Target} diverted"],
        _ => [$"{Target} discarded"],
    };

    /// <summary>What the scrubber drops while it stands.</summary>
    public IEnumerable<string> Filters =>
        Kind is ChaosKind.Scrubbed ? Ports.Select(port => string.Create(CultureInfo.InvariantCulture, $"{Target[..^3]} udp sport {port}")) : [];

    /// <summary>How many countermeasures it has while it stands.</summary>
    public int Countermeasures => Kind is ChaosKind.Broad or ChaosKind.Mild ? 1 : Ports.Count() + (Kind is ChaosKind.Scrubbed ? 1 : 0);

    public AnomalyDetected Begin => new()
    {
        TenantId = Tenant,
        ServiceCode = Contract.ServiceCode,
        ObjectId = Object,
        AnomalyId = AnomalyId,
        Target = Target,
        Vectors = Kind switch
        {
            ChaosKind.Broad => [],
            ChaosKind.Mild => [Rate("total", 80_000_000)],
            _ => [Rate("ntp", 80_000_000)],
        },
        BitsPerSecond = 80_000_000,
        PacketsPerSecond = 20_000,
        Since = DateTimeOffset.UnixEpoch,
        DetectedAt = DateTimeOffset.UnixEpoch,
    };

    public AnomalyChanged Growth => new()
    {
        TenantId = Tenant,
        ServiceCode = Contract.ServiceCode,
        ObjectId = Object,
        AnomalyId = AnomalyId,
        Target = Target,
        Vectors = Kind is ChaosKind.Mild ? [Rate("total", 800_000_000)] : [Rate("ntp", 400_000_000), Rate("memcached", 300_000_000)],
        PeakBitsPerSecond = 800_000_000,
        PeakPacketsPerSecond = 200_000,
        Revision = 1,
        ChangedAt = DateTimeOffset.UnixEpoch,
    };

    public AnomalyEnded End => new()
    {
        TenantId = Tenant,
        ServiceCode = Contract.ServiceCode,
        ObjectId = Object,
        AnomalyId = AnomalyId,
        Target = Target,
        PeakBitsPerSecond = 80_000_000,
        PeakPacketsPerSecond = 20_000,
        Reason = "subsided",
        Until = DateTimeOffset.UnixEpoch,
        EndedAt = DateTimeOffset.UnixEpoch,
    };

    private Guid Object => Kind switch
    {
        ChaosKind.Scrubbed => ScrubbedObject,
        ChaosKind.Mild => MildObject,
        _ => Tenant,
    };

    private IEnumerable<int> Ports => GrowsAtKill is null ? [Ntp] : [Ntp, Memcached];

    /// <summary>So many kills were done.</summary>
    /// <param name="kills">How many.</param>
    /// <param name="isAway">The server that was killed last is still away.</param>
    public void Pass(int kills, bool isAway)
    {
        if (kills >= BeginsAtKill)
        {
            Begins.TrySetResult();
        }

        if (kills >= GrowsAtKill)
        {
            Grows.TrySetResult();
        }

        if (kills >= EndsAtKill && isAway == EndsInOutage)
        {
            Ends.TrySetResult();
        }
    }

    private static VectorRate Rate(string vector, long bits) => new()
    {
        Vector = vector,
        BitsPerSecond = bits,
        PacketsPerSecond = bits / 4_000,
        ThresholdBitsPerSecond = 60_000_000,
    };
}
