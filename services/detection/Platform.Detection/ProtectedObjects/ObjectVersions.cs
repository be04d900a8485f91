using Google.Protobuf.WellKnownTypes;
using Platform.EventStore;
using Wire = Platform.Contracts.Grpc.Detection.V1;

namespace Platform.Detection.ProtectedObjects;

/// <summary>Query: the versions of an object, oldest first, from its own events: the record is the history.</summary>
internal static class ObjectVersions
{
    public static async Task<IReadOnlyList<(Wire.ObjectVersion Version, ObjectContent Content)>> Read(
        TenantSession session, Guid objectId, CancellationToken cancellation)
    {
        var versions = new List<(Wire.ObjectVersion, ObjectContent)>();
        ObjectContent? before = null;
        foreach (var recorded in await session.Read(ProtectedObjectState.Stream, objectId.ToString(), cancellation))
        {
            if (Version(recorded, before) is var (version, content))
            {
                versions.Add((version, before = content));
            }
        }

        return versions;
    }

    private static (Wire.ObjectVersion Version, ObjectContent Content)? Version(RecordedEvent recorded, ObjectContent? before) => recorded.Data switch
    {
        ProtectedObjectAdded e => (Describe(recorded, "added", e.Content, e.AddedAt, Difference.Between(null, e.Content)), e.Content),
        ContractFollowed e => (Describe(recorded, "contract", e.Content, e.ChangedAt, Difference.Between(before, e.Content)), e.Content),
        ThresholdsChanged e => (
            Describe(
                recorded,
                e.Kind.ToString().ToLowerInvariant(),
                e.Content,
                e.ChangedAt,
                e.Change?.Differences ?? Difference.Between(before, e.Content),
                e.Change),
            e.Content),
        _ => null,
    };

    private static Wire.ObjectVersion Describe(
        RecordedEvent recorded,
        string kind,
        ObjectContent content,
        DateTimeOffset at,
        IReadOnlyList<Difference> differences,
        SettingsChange? change = null) => new()
    {
        Version = content.Version,
        ChangedAt = Timestamp.FromDateTimeOffset(at),
        ChangedBy = change?.By ?? recorded.Metadata.Actor ?? "",
        Reason = change?.Reason ?? "",
        Kind = kind,
        Differences =
        {
            differences.Select(difference => new Wire.Difference
            {
                What = difference.What,
                Before = difference.Before ?? "",
                After = difference.After ?? "",
            }),
        },
    };
}
