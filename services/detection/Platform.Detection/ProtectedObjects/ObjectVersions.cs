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
        var (key, _) = await ObjectStreams.Find(session, objectId, cancellation);
        var versions = new List<(Wire.ObjectVersion, ObjectContent)>();
        ObjectContent? before = null;
        foreach (var recorded in await session.Read(ProtectedObjectState.Stream, key, cancellation))
        {
            if (Version(recorded, objectId, before) is var (version, content))
            {
                versions.Add((version, before = content));
            }
        }

        return versions;
    }

    private static (Wire.ObjectVersion Version, ObjectContent Content)? Version(RecordedEvent recorded, Guid objectId, ObjectContent? before) =>
        recorded.Data switch
        {
            ProtectedObjectAdded e when e.Content.ObjectId == objectId => (
                Describe(recorded, "added", e.Content, e.AddedAt, Difference.Between(null, e.Content), e.Change), e.Content),
            ContractFollowed e when e.Content.ObjectId == objectId => (
                Describe(recorded, "contract", e.Content, e.ChangedAt, Difference.Between(before, e.Content)), e.Content),
            ThresholdsChanged e when e.Content.ObjectId == objectId => (
                Describe(
                    recorded,
                    e.Kind.ToString().ToLowerInvariant(),
                    e.Content,
                    e.ChangedAt,
                    [.. OfName(before, e.Content), .. e.Change?.Differences ?? Difference.Between(before, e.Content)],
                    e.Change),
                e.Content),
            _ => null,
        };

    /// <summary>Not stored with the others, because names are sealed.</summary>
    private static IEnumerable<Difference> OfName(ObjectContent? before, ObjectContent after) =>
        before is null || before.Name == after.Name ? [] : [new Difference("name", before.Name, after.Name)];

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
