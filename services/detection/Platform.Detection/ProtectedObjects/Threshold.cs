using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Platform.Detection.Anomalies;

namespace Platform.Detection.ProtectedObjects;

/// <summary>
/// Kinds of traffic that are judged apart; one packet can be part of several. <see cref="Total"/>, then the vectors of telemetry.proto, each one
/// more than there. Stored as numbers: never renumber.
/// </summary>
internal enum TrafficVector
{
    /// <summary>Every packet.</summary>
    Total = 1,
    Udp,
    Icmp,
    TcpSyn,
    TcpSynAck,
    TcpAck,
    TcpRst,
    TcpFinless,
    TcpNull,
    Fragment,
    Gre,
    Dns,
    Ntp,
    Ssdp,
    Cldap,
    Memcached,
    Chargen,
    Snmp,
    Portmap,
    Netbios,
    Mssql,
    Rip,
    Qotd,
    Tftp,
    Mdns,
    WsDiscovery,
    L2tp,
    Arms,
    OtherAmplification,
    IpNull,
    Other,

    /// <summary>TCP with flags that no stack sends. Since release 5.</summary>
    TcpInvalid,
}

/// <summary>Whose traffic is held against a threshold. Stored as numbers: never renumber.</summary>
internal enum WatchLevel
{
    /// <summary>One address.</summary>
    Host = 0,

    /// <summary>A block of the object: the hosts of a /24 or /48 together, or of a prefix that is longer.</summary>
    Prefix = 1,

    /// <summary>All hosts of the object together.</summary>
    Object = 2,
}

/// <summary>Stored as numbers: never renumber.</summary>
internal enum TrafficDirection
{
    /// <summary>Towards the protected addresses.</summary>
    In = 0,

    /// <summary>From them.</summary>
    Out = 1,
}

/// <summary>From which rate on traffic of one vector is an anomaly.</summary>
/// <param name="Vector">Which traffic.</param>
/// <param name="BitsPerSecond">Null when bits are not watched.</param>
/// <param name="PacketsPerSecond">Null when packets are not watched.</param>
/// <param name="FlowsPerSecond">Flow records as exported; null when they are not watched.</param>
/// <param name="Level">Whose traffic.</param>
/// <param name="Direction">Which way.</param>
/// <param name="IsOwn">Of an object with a profile: somebody set it, the profile did not. Where there is no profile all are somebody's own.</param>
internal sealed record Threshold(
    TrafficVector Vector,
    long? BitsPerSecond,
    long? PacketsPerSecond,
    long? FlowsPerSecond = null,
    WatchLevel Level = WatchLevel.Host,
    TrafficDirection Direction = TrafficDirection.In,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool IsOwn = false)
{
    /// <summary>What a new object starts with; see <see cref="ThresholdProfiles"/>.</summary>
    public static IReadOnlyList<Threshold> DefaultsFor(long declaredBitsPerSecond) =>
        ThresholdProfiles.Of(ThresholdProfiles.Generic, declaredBitsPerSecond)!;

    /// <summary>Per second; null when it is not watched.</summary>
    public long? RateOf(TrafficUnit unit) => unit switch
    {
        TrafficUnit.Bits => BitsPerSecond,
        TrafficUnit.Packets => PacketsPerSecond,
        _ => FlowsPerSecond,
    };

    /// <summary>What it is about, apart from the rates.</summary>
    [JsonIgnore]
    public (TrafficVector Vector, WatchLevel Level, TrafficDirection Direction) Key => (Vector, Level, Direction);

    /// <summary>Raised where one of these says more about the same.</summary>
    /// <param name="least">The least rates.</param>
    /// <param name="also">Also rates that are not watched here.</param>
    public Threshold AtLeast(IReadOnlyList<Threshold> least, bool also = false) => least.FirstOrDefault(one => one.Key == Key) is not { } floor
        ? this
        : this with
        {
            BitsPerSecond = Most(BitsPerSecond, floor.BitsPerSecond, also),
            PacketsPerSecond = Most(PacketsPerSecond, floor.PacketsPerSecond, also),
            FlowsPerSecond = Most(FlowsPerSecond, floor.FlowsPerSecond, also),
        };

    private static long? Most(long? rate, long? floor, bool also) => rate is { } set ? Math.Max(set, floor ?? set) : also ? floor : null;

    /// <summary>Towards one host: what every reader of the first release knows.</summary>
    public bool IsOfHosts => Level is WatchLevel.Host && Direction is TrafficDirection.In;
}

/// <summary>Vectors, levels and directions as contracts and messages name them.</summary>
internal static partial class TrafficNames
{
    private static readonly Dictionary<TrafficVector, string> Vectors = Enum.GetValues<TrafficVector>()
        .ToDictionary(vector => vector, vector => Capital().Replace(vector.ToString(), "-$0").TrimStart('-').ToLowerInvariant());

    private static readonly Dictionary<string, TrafficVector> ByName = Vectors.ToDictionary(pair => pair.Value, pair => pair.Key);

    public static string Name(this TrafficVector vector) => Vectors[vector];

    public static string Name(this WatchLevel level) => level switch
    {
        WatchLevel.Prefix => "prefix",
        WatchLevel.Object => "object",
        _ => "host",
    };

    public static string Name(this TrafficDirection direction) => direction is TrafficDirection.Out ? "out" : "in";

    /// <summary>The vector with this name; null when there is none.</summary>
    public static TrafficVector? FindVector(string name) => ByName.TryGetValue(name, out var vector) ? vector : null;

    /// <summary>The level with this name, empty being the host; null when there is none.</summary>
    public static WatchLevel? FindLevel(string name) => name switch
    {
        "" or "host" => WatchLevel.Host,
        "prefix" => WatchLevel.Prefix,
        "object" => WatchLevel.Object,
        _ => null,
    };

    /// <summary>The direction with this name, empty being towards us; null when there is none.</summary>
    public static TrafficDirection? FindDirection(string name) => name switch
    {
        "" or "in" => TrafficDirection.In,
        "out" => TrafficDirection.Out,
        _ => null,
    };

    [GeneratedRegex("[A-Z]")]
    private static partial Regex Capital();
}
