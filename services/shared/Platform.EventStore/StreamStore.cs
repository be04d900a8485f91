using Npgsql;

namespace Platform.EventStore;

/// <summary>The event streams of one service. Gives out sessions; a session belongs to one tenant.</summary>
public sealed class StreamStore(NpgsqlDataSource database, EventCatalog catalog, TimeProvider clock)
{
    /// <summary>A session that can name the streams of this tenant and of nobody else.</summary>
    public TenantSession Tenant(TenantId tenant) => new(database, catalog, clock, tenant);
}

/// <summary>Reads and appends streams of one tenant. No member takes another tenant or a whole stream id.</summary>
public sealed class TenantSession
{
    internal TenantSession(NpgsqlDataSource database, EventCatalog catalog, TimeProvider clock, TenantId tenant) => Tenant = tenant;

    /// <summary>Whose session this is.</summary>
    public TenantId Tenant { get; }

    /// <summary>Loads, folds, decides and appends with the version that was read; decides again when someone was faster (bounded).</summary>
    /// <param name="stream">Kind of stream.</param>
    /// <param name="key">Identity of the stream inside its kind and tenant; no colon.</param>
    /// <param name="decide">The rules; may run several times.</param>
    /// <param name="cause">Why; a cause already recorded in this stream answers <see cref="Decision{TEvent}.Unchanged"/> without deciding.</param>
    /// <param name="cancellationToken">Stops the wait; what was appended stays.</param>
    public Task<Decision<TEvent>> Handle<TState, TEvent>(
        StreamType<TState, TEvent> stream,
        string key,
        Func<TState, Decision<TEvent>> decide,
        Cause cause,
        CancellationToken cancellationToken)
        where TEvent : class => throw new NotImplementedException();

    /// <summary>State and version of a stream; the initial state and version 0 when it has no event.</summary>
    public Task<(TState State, long Version)> Load<TState, TEvent>(
        StreamType<TState, TEvent> stream, string key, CancellationToken cancellationToken)
        where TEvent : class => throw new NotImplementedException();

    /// <summary>The events of a stream with their metadata, oldest first: the audit and change log.</summary>
    public Task<IReadOnlyList<RecordedEvent>> Read<TState, TEvent>(
        StreamType<TState, TEvent> stream, string key, CancellationToken cancellationToken)
        where TEvent : class => throw new NotImplementedException();
}
