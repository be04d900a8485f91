using Npgsql;

namespace Platform.Retention.Terms;

/// <summary>Query: the terms of a service, as data.</summary>
internal sealed class RetentionTerms(NpgsqlDataSource database)
{
    /// <exception cref="InvalidOperationException">
    /// The service has no terms. Its contract's data would live for ever, so the message waits in the error queue for a
    /// person.
    /// </exception>
    public async Task<IReadOnlyList<RetentionTerm>> Of(string service, CancellationToken cancellationToken)
    {
        await using var query = database.CreateCommand("""
            select service, data_class, action, months_after_termination from terms.retention_terms where service = $1
            """);
        query.Parameters.Add(new NpgsqlParameter { Value = service });
        var terms = new List<RetentionTerm>();
        await using var reader = await query.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            terms.Add(new RetentionTerm(
                reader.GetString(0),
                reader.GetString(1),
                reader.GetString(2),
                reader.IsDBNull(3) ? null : reader.GetInt32(3)));
        }

        return terms.Count > 0
            ? terms
            : throw new InvalidOperationException($"No retention terms are set for the service '{service}'.");
    }
}
