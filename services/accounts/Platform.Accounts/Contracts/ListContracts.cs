using Dapper;
using Google.Protobuf.WellKnownTypes;
using Npgsql;
using Platform.EventStore;
using Wire = Platform.Contracts.Grpc.Accounts.V1;

namespace Platform.Accounts.Contracts;

/// <summary>Query: contracts of one tenant or of all, by service code.</summary>
internal sealed class ListContracts(NpgsqlDataSource database)
{
    private sealed record Row
    {
        public Guid ContractId { get; init; }
        public Guid TenantId { get; init; }
        public string ServiceCode { get; init; } = "";
        public string Service { get; init; } = "";
        public string[] Prefixes { get; init; } = [];
        public long DeclaredBitsPerSecond { get; init; }
        public DateTime SignedAt { get; init; }
        public DateTime? TerminatedAt { get; init; }
        public string? Label { get; init; }
        public bool AlwaysOn { get; init; }
    }

    /// <param name="tenant">Null: all tenants.</param>
    /// <param name="cancellationToken">Stops the query.</param>
    public async Task<IEnumerable<Wire.Contract>> Of(TenantId? tenant, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = await connection.QueryAsync<Row>(new CommandDefinition(
            """
            select v.contract_id as ContractId, v.tenant_id as TenantId, v.service_code as ServiceCode, v.service as Service,
                v.prefixes as Prefixes, v.declared_bits_per_second as DeclaredBitsPerSecond,
                v.signed_at as SignedAt, v.terminated_at as TerminatedAt, l.label as Label, v.always_on as AlwaysOn
            from views.contracts_v1 v left join customer.labels l using (service_code)
            where @tenant::uuid is null or v.tenant_id = @tenant
            order by v.service_code
            """,
            new { tenant = tenant?.ToGuid() },
            cancellationToken: cancellationToken));
        return rows.Select(ToWire);
    }

    private static Wire.Contract ToWire(Row row) => new()
    {
        ContractId = row.ContractId.ToString(),
        TenantId = row.TenantId.ToString(),
        ServiceCode = row.ServiceCode,
        Service = row.Service,
        Prefixes = { row.Prefixes },
        DeclaredBitsPerSecond = row.DeclaredBitsPerSecond,
        Label = row.Label ?? "",
        AlwaysOn = row.AlwaysOn,
        SignedAt = Timestamp.FromDateTime(row.SignedAt),
        TerminatedAt = row.TerminatedAt is { } terminated ? Timestamp.FromDateTime(terminated) : null,
    };
}
