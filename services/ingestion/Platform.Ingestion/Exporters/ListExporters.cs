using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Npgsql;
using NpgsqlTypes;
using Wire = Platform.Contracts.Grpc.Ingestion.V1;

namespace Platform.Ingestion.Exporters;

/// <summary>Query: registered exporters by name, page by page.</summary>
internal sealed class ListExporters(NpgsqlDataSource database, ExporterRegistry registry)
{
    public const int DefaultPageSize = 200;
    public const int GreatestPageSize = 1000;

    /// <param name="after">Last exporter of the page before.</param>
    /// <param name="pageSize">1 to <see cref="GreatestPageSize"/>.</param>
    public async Task<(IReadOnlyList<Wire.Exporter> Exporters, string NextPageToken)> Query(
        PageToken? after, int pageSize, CancellationToken cancellationToken)
    {
        await using var query = database.CreateCommand(
            $"select {ExporterRow.Columns} where $1 is null or (name, address) > ($1, $2) order by name, address limit $3");
        query.Parameters.Add(new() { Value = after?.Name ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        query.Parameters.Add(new() { Value = after?.Address ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        query.Parameters.Add(new() { Value = pageSize + 1 }); // one more, only to know whether there is one
        var exporters = new List<Wire.Exporter>();
        await using var reader = await query.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            exporters.Add(ExporterRow.Read(reader, registry));
        }

        if (exporters.Count <= pageSize)
        {
            return (exporters, "");
        }

        exporters.RemoveAt(pageSize);
        return (exporters, new PageToken(exporters[^1].Name, exporters[^1].Address).ToString());
    }
}

/// <summary>Where a page ended. Opaque to callers; says nothing that the page itself did not.</summary>
internal sealed record PageToken(string Name, string Address)
{
    public static bool TryParse(string text, [NotNullWhen(true)] out PageToken? token)
    {
        token = null;
        if (!Base64Url.IsValid(text) || Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text)).Split('\0') is not [var name, var address])
        {
            return false;
        }

        token = new PageToken(name, address);
        return true;
    }

    public override string ToString() => Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{Name}\0{Address}")); // no name holds a zero: the database takes none
}
