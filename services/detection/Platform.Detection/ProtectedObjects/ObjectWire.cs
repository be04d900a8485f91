using System.Net;
using Google.Protobuf.WellKnownTypes;
using Platform.Detection.Learning;
using Platform.Hosting;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Detection.ProtectedObjects;

/// <summary>Protected objects as the gRPC surface says them, both ways.</summary>
internal static class ObjectWire
{
    public static Wire.ProtectedObject Describe(this ObjectContent content) => new()
    {
        ObjectId = content.ObjectId.ToString(),
        ServiceCode = content.ServiceCode,
        Name = content.Name,
        Prefixes = { content.Prefixes.Select(prefix => prefix.ToString()) },
        Thresholds = { content.Told(threshold => threshold.IsOfHosts) },
        WiderThresholds = { content.Told(threshold => !threshold.IsOfHosts) },
        Version = content.Version,
        Profile = content.SettingsOrDefault.Profile ?? "",
        Learning = Describe(content.SettingsOrDefault.Learning ?? LearningSettings.Default),
        DeclaredBitsPerSecond = content.SettingsOrDefault.DeclaredBitsPerSecond,
        Floors = { (content.SettingsOrDefault.Floors ?? []).Describe() },
        MarkedFloors = { (content.SettingsOrDefault.Marked ?? []).Select(mark => mark.Describe(content.SettingsOrDefault.Learning ?? LearningSettings.Default)) },
    };

    /// <summary>For whom and at which hours a floor holds, or would.</summary>
    public static Wire.FloorBounds Bounds(IPNetwork? target, DateTimeOffset seenFrom, DateTimeOffset seenUntil, string zone)
    {
        var hours = HoursOfDay.Around(seenFrom, seenUntil, HoursOfWeek.Find(zone) ?? HoursOfWeek.Japan);
        return new() { FromHour = hours.From, UntilHour = hours.Until, Zone = zone, Target = target?.ToString() ?? "" };
    }

    private static Wire.MarkedFloor Describe(this MarkedFloor mark, LearningSettings learning) => new()
    {
        AnomalyId = mark.AnomalyId.ToString(),
        Bounds = Bounds(mark.Target, mark.SeenFrom, mark.SeenUntil, learning.Zone),
        Since = Timestamp.FromDateTimeOffset(mark.Since),
        Thresholds = { mark.Least.Describe() },
    };

    public static IEnumerable<Wire.Threshold> Describe(this IEnumerable<Threshold> thresholds) => thresholds.Select(threshold => new Wire.Threshold
    {
        Vector = threshold.Vector.Name(),
        BitsPerSecond = threshold.BitsPerSecond ?? 0,
        PacketsPerSecond = threshold.PacketsPerSecond ?? 0,
        FlowsPerSecond = threshold.FlowsPerSecond ?? 0,
        Level = threshold.Level.Name(),
        Direction = threshold.Direction.Name(),
        Own = threshold.IsOwn,
    });

    private static IEnumerable<Wire.Threshold> Told(this ObjectContent content, Func<Threshold, bool> which)
    {
        var guesses = content.Guesses.ToHashSet();
        return content.Thresholds.Where(which).Select(threshold => threshold with { IsOwn = !guesses.Contains(threshold) }).Describe();
    }

    /// <summary>Refuses names that are none.</summary>
    public static Threshold Read(this Wire.Threshold threshold) => new(
        TrafficNames.FindVector(threshold.Vector) ?? throw ProtectedObjectRejections.VectorUnknown(threshold.Vector).ToRpcException(),
        OrNull(threshold.BitsPerSecond),
        OrNull(threshold.PacketsPerSecond),
        OrNull(threshold.FlowsPerSecond),
        TrafficNames.FindLevel(threshold.Level) ?? throw ProtectedObjectRejections.LevelUnknown(threshold.Level).ToRpcException(),
        TrafficNames.FindDirection(threshold.Direction) ?? throw ProtectedObjectRejections.DirectionUnknown(threshold.Direction).ToRpcException(),
        threshold.Own);

    /// <summary>Refuses what is not canonical CIDR notation.</summary>
    public static IPNetwork ReadPrefix(string text) => IPNetwork.TryParse(text, out var prefix) && prefix.ToString() == text
        ? prefix
        : throw ProtectedObjectRejections.PrefixInvalid(text).ToRpcException();

    public static LearningSettings Read(this Wire.Learning? learning) => new(
        learning?.Mode switch
        {
            "apply" => LearningMode.Apply,
            "propose" => LearningMode.Propose,
            _ => (LearningMode)(-1),
        },
        learning?.Margin ?? 0,
        learning?.FloorShare ?? 0,
        learning?.Zone ?? "");

    private static Wire.Learning Describe(LearningSettings learning) => new()
    {
        Mode = learning.Mode is LearningMode.Propose ? "propose" : "apply",
        Margin = learning.Margin,
        FloorShare = learning.FloorShare,
        Zone = learning.Zone,
    };

    private static long? OrNull(long rate) => rate == 0 ? null : rate;
}
