using Npgsql;

namespace Platform.Detection.SecurityEvents;

/// <summary>
/// Writes security events that are no decisions of ours: what other services tell, and what the detector notices about itself. Beside the read model of our own
/// events, which can be rebuilt.
/// </summary>
internal sealed class SecurityNotes(NpgsqlDataSource database)
{
    /// <summary>Notes one; the same id again is the same event.</summary>
    public async Task Note(SecurityEvent noted, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            insert into views.noted_events_v1 (event_id, tenant_id, at, severity, kind, subject, sentence, service_code, sentence_ja)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            on conflict (event_id) do nothing
            """);
        command.Parameters.Add(new() { Value = noted.EventId });
        command.Parameters.Add(new() { Value = (object?)noted.TenantId ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Uuid });
        command.Parameters.Add(new() { Value = noted.At });
        command.Parameters.Add(new() { Value = (short)noted.Severity });
        command.Parameters.Add(new() { Value = noted.Kind });
        command.Parameters.Add(new() { Value = noted.Subject });
        command.Parameters.Add(new() { Value = noted.Sentence });
        command.Parameters.Add(new() { Value = noted.ServiceCode });
        command.Parameters.Add(new() { Value = noted.SentenceJa });
        await command.ExecuteNonQueryAsync(cancellation);
    }
}

/// <param name="EventId">Identity; of equal times the order.</param>
/// <param name="TenantId">Whose; null: the provider's network.</param>
/// <param name="At">When it happened (UTC).</param>
/// <param name="Severity">How bad it is.</param>
/// <param name="Kind">One of the kinds of the contract.</param>
/// <param name="Subject">What it is about.</param>
/// <param name="Sentence">In words.</param>
/// <param name="SentenceJa">The same in Japanese.</param>
/// <param name="ServiceCode">Contract; empty: none.</param>
internal sealed record SecurityEvent(
    Guid EventId, Guid? TenantId, DateTimeOffset At, EventSeverity Severity, string Kind, string Subject, string Sentence, string SentenceJa, string ServiceCode = "");

/// <summary>Stored as numbers: never renumber.</summary>
internal enum EventSeverity : short
{
    Info = 0,
    Low = 1,
    Medium = 2,
    High = 3,
    Critical = 4,
}
