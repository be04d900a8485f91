using Platform.Contracts.Detection.V1;
using Platform.EventStore;
using Platform.Hosting;
using Published = Platform.Contracts.Detection.V1;

namespace Platform.Detection.ProtectedObjects;

/// <summary>What neighbours may know of protected objects: always all of it, so that only the highest version counts.</summary>
internal sealed class ProtectedObjectPublications : IPublications
{
    public object? Publish(RecordedEvent recorded) => recorded.Data switch
    {
        ProtectedObjectAdded e => Whole(recorded, e.Content, e.AddedAt),
        ContractFollowed e => Whole(recorded, e.Content, e.ChangedAt),
        ThresholdsChanged e => Whole(recorded, e.Content, e.ChangedAt),
        ProtectedObjectRetired e => new Published.ProtectedObjectRetired
        {
            TenantId = recorded.TenantId.ToGuid(),
            ObjectId = e.ObjectId,
            ServiceCode = e.ServiceCode,
            RetiredAt = e.RetiredAt,
        },
        _ => null,
    };

    private static Published.ThresholdsChanged Whole(RecordedEvent recorded, ObjectContent content, DateTimeOffset at) => new()
    {
        TenantId = recorded.TenantId.ToGuid(),
        ObjectId = content.ObjectId,
        ServiceCode = content.ServiceCode,
        Name = content.Name,
        Prefixes = [.. content.Prefixes.Select(prefix => prefix.ToString())],
        Thresholds = [.. content.Thresholds.Where(threshold => threshold.IsOfHosts).Select(Describe)],
        WiderThresholds = [.. content.Thresholds.Where(threshold => !threshold.IsOfHosts).Select(Describe)],
        Version = content.Version,
        ChangedAt = at,
    };

    private static VectorThreshold Describe(Threshold threshold) => new()
    {
        Vector = threshold.Vector.Name(),
        BitsPerSecond = threshold.BitsPerSecond,
        PacketsPerSecond = threshold.PacketsPerSecond,
        FlowsPerSecond = threshold.FlowsPerSecond,
        Level = threshold.Level.Name(),
        Direction = threshold.Direction.Name(),
    };
}
