using System.Net;

namespace Platform.Ingestion.Windows;

/// <summary>One protected object as ingestion needs it.</summary>
/// <param name="Version">Version of prefixes and thresholds (detection counts it).</param>
/// <param name="Prefixes">Whose destination hosts are counted.</param>
/// <param name="WatchBytes">
/// Bytes of one host that are sent on within 100 ms instead of with the next window; a tenth of the smallest threshold per second.
/// </param>
/// <param name="WatchPackets">The same in packets.</param>
internal sealed record ProtectedObject(
    Guid ObjectId, Guid TenantId, long Version, IReadOnlyList<IPNetwork> Prefixes, ulong WatchBytes, ulong WatchPackets);

/// <summary>All protected objects at one moment. Replaced as a whole, so that a reader never sees half of a change.</summary>
internal sealed class ProtectedView
{
    public ProtectedView(IReadOnlyList<ProtectedObject> objects)
    {
        Objects = [.. objects];
        Prefixes = new ProtectedPrefixes(
            Objects.SelectMany((protectedObject, index) => protectedObject.Prefixes.Select(prefix => (prefix, index))));
    }

    public static ProtectedView Empty { get; } = new([]);

    public ProtectedObject[] Objects { get; }

    /// <summary>Address to index in <see cref="Objects"/>.</summary>
    public ProtectedPrefixes Prefixes { get; }
}

/// <summary>Holds the current <see cref="ProtectedView"/>; one writer, many readers, no lock.</summary>
internal sealed class ProtectedObjects
{
    private volatile ProtectedView _current = ProtectedView.Empty;

    public ProtectedView Current
    {
        get => _current;
        set => _current = value;
    }
}
