using Dapper;
using Npgsql;

namespace Platform.Accounts.Tenants;

/// <summary>What customers are called. Class customer, so beside the events and not in them.</summary>
internal sealed class TenantNames(NpgsqlDataSource database)
{
    /// <summary>Keeps the first name given: registering is not renaming.</summary>
    public async Task Keep(Guid tenantId, string name, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            "insert into customer.tenants (tenant_id, name) values (@tenantId, @name) on conflict (tenant_id) do nothing",
            new { tenantId, name },
            cancellationToken: cancellationToken));
    }
}
