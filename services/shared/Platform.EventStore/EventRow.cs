using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using Npgsql;

namespace Platform.EventStore;

/// <summary>One row of <c>mt_events</c> before its data is read, and how many steps erasures had taken then.</summary>
internal readonly record struct EventRow(
    long Sequence,
    Guid Id,
    string Tenant,
    string Stream,
    long Version,
    string Type,
    byte[] Data,
    DateTimeOffset At,
    string? Correlation,
    string? Causation,
    byte[]? Headers,
    long Erasing,
    bool IsBinary,
    string? DotnetType)
{
    public const string Select = """
        select seq_id, id, coalesce(tenant_id, ''), coalesce(stream_id, ''), version, type, data, timestamp, correlation_id, causation_id, headers,
               (select steps from platform.erasing), bdata is not null, mt_dotnet_type
          from events.mt_events
        """;

    /// <summary>Marten fills a number that it could not use with an event of such a stream; and a row without tenant or stream is nobody's.</summary>
    public bool IsTombstone => Stream is "mt_tombstone" or "" || Tenant == "";

    public static async Task<List<EventRow>> ReadAll(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await command.PrepareAsync(cancellationToken);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        var result = new List<EventRow>();
        while (await rows.ReadAsync(cancellationToken))
        {
            result.Add(new(
                rows.GetInt64(0),
                rows.GetGuid(1),
                rows.GetString(2),
                rows.GetString(3),
                rows.GetInt64(4),
                rows.GetString(5),
                rows.GetFieldValue<byte[]>(6),
                rows.GetFieldValue<DateTimeOffset>(7),
                rows.IsDBNull(8) ? null : rows.GetString(8),
                rows.IsDBNull(9) ? null : rows.GetString(9),
                rows.IsDBNull(10) ? null : rows.GetFieldValue<byte[]>(10),
                rows.GetInt64(11),
                rows.GetBoolean(12),
                rows.IsDBNull(13) ? null : rows.GetString(13)));
        }

        return result;
    }

    /// <summary>
    /// The events of these rows; keys are fetched only when something is sealed. Events of another program's own types are passed over:
    /// no decider, view or publication of ours can mean them.
    /// </summary>
    public static async Task<List<RecordedEvent>> Open(
        List<EventRow> rows, NpgsqlConnection connection, EventCatalog catalog, CancellationToken cancellationToken)
    {
        DataKeys? keys = null;
        var tenants = rows.Where(row => catalog.IsSealed(row.Type)).Select(row => row.Tenant).Distinct().ToArray();
        if (tenants.Length > 0)
        {
            keys = catalog.NewKeys();
            await using var command = connection.Command(DataKeys.OfTenants, [tenants]);
            await using var found = await command.ExecuteReaderAsync(cancellationToken);
            await keys.Add(found, cancellationToken);
        }

        return [.. rows.Where(row => !catalog.IsForeign(row.Type, row.DotnetType)).Select(row => row.Open(catalog, keys))];
    }

    private RecordedEvent Open(EventCatalog catalog, DataKeys? keys)
    {
        try
        {
            var colon = Stream.IndexOf(':', StringComparison.Ordinal);
            var headers = EventHeaders.Read(Headers);
            return new RecordedEvent(
                Sequence,
                Id,
                TenantId.Stored(Tenant),
                colon < 0 ? "" : Stream[..colon],
                Stream[(colon + 1)..],
                Version,
                IsBinary ? throw new InvalidDataException("Its body is binary, which only the Marten that wrote it can read.") : catalog.Read(Type, Data, Id, Tenant, keys),
                At,
                new(Correlation, Causation, headers.Actor, headers.SourceAddress, headers.TraceParent));
        }
        catch (Exception e)
        {
            throw new UnreadableEventException(Sequence, $"Event {Sequence} ({Type}, {Stream} version {Version}) cannot be read.", e);
        }
    }
}

/// <summary>A stored event that this service cannot read: unknown name, JSON that does not fit, or a binary body.</summary>
public sealed class UnreadableEventException(long sequence, string message, Exception inner) : Exception(message, inner)
{
    /// <summary>Position of the event.</summary>
    public long Sequence { get; } = sequence;
}

/// <summary>The <c>headers</c> column. <c>hash</c> is added by the database; see README.md, "Audit".</summary>
internal sealed record EventHeaders(
    [property: JsonPropertyName("actor")] string? Actor,
    [property: JsonPropertyName("source_address")] string? SourceAddress,
    [property: JsonPropertyName("traceparent")] string? TraceParent,
    [property: JsonPropertyName("clock")] string? Clock)
{
    private static readonly EventHeaders _none = new(null, null, null, null);
    private static readonly JsonSerializerOptions _json = new() { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public static byte[] Of(Cause cause, string? clockState) => JsonSerializer.SerializeToUtf8Bytes(
        new EventHeaders(cause.Actor, cause.SourceAddress, Activity.Current?.Id, clockState), _json);

    /// <summary>A foreign writer leaves headers out, or writes JSON null, or has other uses for the same names.</summary>
    public static EventHeaders Read(byte[]? stored)
    {
        try
        {
            return stored is null ? _none : JsonSerializer.Deserialize<EventHeaders>(stored, _json) ?? _none;
        }
        catch (JsonException)
        {
            return _none;
        }
    }
}
