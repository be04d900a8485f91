using Npgsql;
using Platform.Contracts.Ingestion.V1;

namespace Platform.Detection.SecurityEvents;

/// <summary>
/// Tells tenants what befalls exporters that told of their traffic in the last minutes, once for each contract: what it means for them, and how many exporters there are.
/// Which one it is, and what exactly is wrong with it, is the provider's affair.
/// </summary>
internal sealed class ExporterTenants(NpgsqlDataSource database)
{
    /// <summary>Of a silence that is over already, because its end was told first, both are told.</summary>
    public async Task Tell(ExporterFellSilent fact, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var returnedAt = await ReturnedAt(connection, fact.ExporterId, DateTimeOffset.UnixEpoch, cancellation);
        var carried = await Carried(connection, fact.ExporterId, fact.LastSeenAt, fact.SilentAt, cancellation);
        var told = await Note(
            connection,
            Invariant($"{fact.ExporterId} silent {fact.SilentAt:O}"),
            fact.SilentAt,
            EventSeverity.High,
            "exporter-silent",
            carried,
            contract => ExporterWords.Silent(contract.ServiceCode, contract.Exporters, fact.LastSeenAt),
            cancellation);
        if (returnedAt >= fact.SilentAt)
        {
            await NoteReturn(connection, fact.ExporterId, returnedAt, told, _ => fact.LastSeenAt, cancellation);
        }
        else
        {
            await Await(connection, fact, told, cancellation);
        }

        await transaction.CommitAsync(cancellation);
    }

    /// <summary>Who was not told of the silence is not told of its end: an exporter that is heard for the first time is nobody's news.</summary>
    public async Task Tell(ExporterReturned fact, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await ReturnedAt(connection, fact.ExporterId, fact.ReturnedAt, cancellation);
        var over = new Dictionary<Contract, DateTimeOffset>();
        await using (var end = Command(
            connection,
            """
            delete from views.exporter_silences_v1 where exporter_id = $1 and silent_at <= $2
            returning tenant_id, service_code, last_seen_at
            """,
            fact.ExporterId,
            fact.ReturnedAt))
        {
            await using var reader = await end.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
            {
                var (contract, lastSeenAt) = (new Contract(reader.GetGuid(0), reader.GetString(1)), reader.GetFieldValue<DateTimeOffset>(2));
                over[contract] = over.TryGetValue(contract, out var other) && other < lastSeenAt ? other : lastSeenAt;
            }
        }

        await NoteReturn(connection, fact.ExporterId, fact.ReturnedAt, [.. over.Keys], contract => over[contract], cancellation);
        await transaction.CommitAsync(cancellation);
    }

    /// <param name="messageId">The same again when it is told twice.</param>
    public async Task Tell(Guid messageId, ExporterConditionChanged fact, CancellationToken cancellation)
    {
        if (ExporterWords.Changed(fact.Condition) is not { } means)
        {
            return; // nobody knows what it means for a tenant
        }

        await using var connection = await database.OpenConnectionAsync(cancellation);
        var carried = await Carried(connection, fact.ExporterId, fact.ChangedAt, fact.ChangedAt, cancellation);
        await Note(
            connection, messageId.ToString(), fact.ChangedAt, means.Severity, fact.Condition, carried, contract => means.InWords(contract.ServiceCode), cancellation);
    }

    /// <summary>When it returned last, as far as anybody knows. Whoever asks next waits until this transaction ends.</summary>
    private static async Task<DateTimeOffset> ReturnedAt(NpgsqlConnection connection, Guid exporterId, DateTimeOffset atLeast, CancellationToken cancellation)
    {
        await using var command = Command(
            connection,
            """
            insert into views.exporter_returns_v1 as known (exporter_id, returned_at) values ($1, $2)
            on conflict (exporter_id) do update set returned_at = greatest(known.returned_at, excluded.returned_at)
            returning returned_at
            """,
            exporterId,
            atLeast);
        return new((DateTime)(await command.ExecuteScalarAsync(cancellation))!);
    }

    /// <summary>The contracts of whose traffic it told in the last minutes before one time, and not only since another.</summary>
    private static async Task<IReadOnlyList<Contract>> Carried(
        NpgsqlConnection connection, Guid exporterId, DateTimeOffset before, DateTimeOffset since, CancellationToken cancellation)
    {
        await using var command = Command(
            connection,
            """
            with telling as (
                select tenant_id, service_code, exporter_id
                from views.object_exporters_v1 join views.protected_objects_v1 using (object_id)
                where retired_at is null and heard_at > $2 and since <= $3)
            select tenant_id, service_code, count(distinct exporter_id)
            from telling
            where (tenant_id, service_code) in (select tenant_id, service_code from telling where exporter_id = $1)
            group by tenant_id, service_code
            """,
            exporterId,
            before - ObjectExporters.Lately,
            since);
        var carried = new List<Contract>();
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            carried.Add(new Contract(reader.GetGuid(0), reader.GetString(1), reader.GetInt64(2)));
        }

        return carried;
    }

    /// <summary>Waits for the return.</summary>
    private static async Task Await(NpgsqlConnection connection, ExporterFellSilent fact, IReadOnlyList<Contract> told, CancellationToken cancellation)
    {
        await using var command = Command(
            connection,
            """
            insert into views.exporter_silences_v1 (exporter_id, silent_at, tenant_id, service_code, last_seen_at)
            select $1, $2, tenant_id, service_code, $3 from unnest($4::uuid[], $5::text[]) as told (tenant_id, service_code)
            on conflict do nothing
            """,
            fact.ExporterId,
            fact.SilentAt,
            fact.LastSeenAt,
            told.Select(contract => contract.TenantId).ToArray(),
            told.Select(contract => contract.ServiceCode).ToArray());
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private static async Task NoteReturn(
        NpgsqlConnection connection,
        Guid exporterId,
        DateTimeOffset returnedAt,
        IReadOnlyList<Contract> contracts,
        Func<Contract, DateTimeOffset> lastSeenAt,
        CancellationToken cancellation) =>
        await Note(
            connection,
            Invariant($"{exporterId} returned {returnedAt:O}"),
            returnedAt,
            EventSeverity.Info,
            "exporter-returned",
            contracts,
            contract => ExporterWords.Returned(contract.ServiceCode, lastSeenAt(contract)),
            cancellation);

    /// <param name="what">The same again when it is told twice.</param>
    /// <returns>The contracts that were not told before.</returns>
    private static async Task<IReadOnlyList<Contract>> Note(
        NpgsqlConnection connection,
        string what,
        DateTimeOffset at,
        EventSeverity severity,
        string kind,
        IReadOnlyList<Contract> contracts,
        Func<Contract, (string English, string Japanese)> inWords,
        CancellationToken cancellation)
    {
        var words = contracts.Select(inWords).ToArray();
        await using var command = Command(
            connection,
            """
            insert into views.noted_events_v1 (event_id, tenant_id, at, severity, kind, subject, sentence, service_code, sentence_ja)
            select md5($1 || ' ' || tenant_id || ' ' || service_code)::uuid, tenant_id, $2, $3, $4, service_code, sentence, service_code, sentence_ja
            from unnest($5::uuid[], $6::text[], $7::text[], $8::text[]) as told (tenant_id, service_code, sentence, sentence_ja)
            on conflict (event_id) do nothing
            returning tenant_id, service_code
            """,
            what,
            at,
            (short)severity,
            kind,
            contracts.Select(contract => contract.TenantId).ToArray(),
            contracts.Select(contract => contract.ServiceCode).ToArray(),
            words.Select(one => one.English).ToArray(),
            words.Select(one => one.Japanese).ToArray());
        var told = new List<Contract>();
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            told.Add(new Contract(reader.GetGuid(0), reader.GetString(1)));
        }

        return told;
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }

        return command;
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    /// <param name="Exporters">How many told of its traffic lately.</param>
    private sealed record Contract(Guid TenantId, string ServiceCode, long Exporters = 0);
}
