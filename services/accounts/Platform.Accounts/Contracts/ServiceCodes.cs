using Dapper;
using Npgsql;

namespace Platform.Accounts.Contracts;

/// <summary>Which contract, and whose, a service code names.</summary>
/// <param name="Code">For example <c>DP00000001</c>.</param>
/// <param name="ContractId">The contract.</param>
/// <param name="TenantId">Whose it is.</param>
internal sealed record ServiceCode(string Code, Guid ContractId, Guid TenantId);

/// <summary>Gives out service codes, once each, and finds what they name.</summary>
internal sealed class ServiceCodes(NpgsqlDataSource database, TimeProvider clock)
{
    private const string Columns = "service_code as Code, contract_id as ContractId, tenant_id as TenantId";

    /// <summary>The code of this contract: a new one the first time, the same one ever after.</summary>
    public async Task<ServiceCode> Allocate(Guid contractId, Guid tenantId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleAsync<ServiceCode>(new CommandDefinition(
            $"""
            insert into accounts.service_codes (contract_id, tenant_id, allocated_at) values (@contractId, @tenantId, @now)
            on conflict (contract_id) do update set contract_id = excluded.contract_id
            returning {Columns}
            """,
            new { contractId, tenantId, now = clock.GetUtcNow() },
            cancellationToken: cancellationToken));
    }

    /// <summary>What a code names; null for a code that was never given.</summary>
    public async Task<ServiceCode?> Find(string code, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<ServiceCode>(new CommandDefinition(
            $"select {Columns} from accounts.service_codes where service_code = @code", new { code }, cancellationToken: cancellationToken));
    }
}
