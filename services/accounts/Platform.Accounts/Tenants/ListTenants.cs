using Dapper;
using Google.Protobuf.WellKnownTypes;
using Npgsql;
using Wire = Platform.Contracts.Grpc.Accounts.V1;

namespace Platform.Accounts.Tenants;

/// <summary>Query: all customers, in the order in which they came.</summary>
internal sealed class ListTenants(NpgsqlDataSource database)
{
    private sealed record Row(Guid TenantId, string? Name, DateTime RegisteredAt);

    public async Task<IEnumerable<Wire.Tenant>> All(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = await connection.QueryAsync<Row>(new CommandDefinition(
            """
            select v.tenant_id as TenantId, c.name as Name, v.registered_at as RegisteredAt
            from views.tenants_v1 v left join customer.tenants c using (tenant_id)
            order by v.registered_at, v.tenant_id
            """,
            cancellationToken: cancellationToken));
        return rows.Select(row => new Wire.Tenant
        {
            TenantId = row.TenantId.ToString(),
            Name = row.Name ?? "", // erased with the last contract
            RegisteredAt = Timestamp.FromDateTime(row.RegisteredAt),
        });
    }
}
