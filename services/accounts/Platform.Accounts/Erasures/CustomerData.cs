using System.Text.Json;
using Dapper;
using Npgsql;

namespace Platform.Accounts.Erasures;

/// <summary>Deletes rows of class customer, and remembers how many in the same transaction, so that a repeat counts the same.</summary>
internal sealed class CustomerData(NpgsqlDataSource database)
{
    /// <summary>What an erasure counted; null when it has not happened yet.</summary>
    public async Task<IReadOnlyDictionary<string, long>?> CountsOf(Guid erasureId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var counts = await connection.QuerySingleOrDefaultAsync<string?>(new CommandDefinition(
            "select counts from accounts.erasures where erasure_id = @erasureId", new { erasureId }, cancellationToken: cancellationToken));
        return counts is null ? null : JsonSerializer.Deserialize<Dictionary<string, long>>(counts);
    }

    /// <summary>Whether the tenant has no contract but this one whose data is still there.</summary>
    public async Task<bool> IsLastOf(Guid tenantId, string serviceCode, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleAsync<bool>(new CommandDefinition(
            """
            select not exists (
                select from views.contracts_v1 c
                where c.tenant_id = @tenantId and c.service_code <> @serviceCode
                    and not exists (select from accounts.erasures e where e.service_code = c.service_code))
            """,
            new { tenantId, serviceCode },
            cancellationToken: cancellationToken));
    }

    /// <summary>Deletes what belongs to the contract; with <paramref name="everything"/>, what belongs to the tenant.</summary>
    public async Task<IReadOnlyDictionary<string, long>> Erase(
        Guid erasureId, Guid tenantId, string serviceCode, bool everything, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var whose = new { tenantId, tenant = tenantId.ToString(), serviceCode };
        var counts = new Dictionary<string, long>
        {
            ["label"] = await Delete("customer.labels where service_code = @serviceCode"),
        };
        if (everything)
        {
            counts["operator"] = await Delete("customer.operators where tenant_id = @tenant");
            counts["sign-in"] = await Delete("customer.sign_ins where tenant_id = @tenant");
            counts["tenant-name"] = await Delete("customer.tenants where tenant_id = @tenantId");
        }

        await connection.ExecuteAsync(new CommandDefinition(
            "insert into accounts.erasures (erasure_id, service_code, counts) values (@erasureId, @serviceCode, @counts::jsonb)",
            new { erasureId, serviceCode, counts = JsonSerializer.Serialize(counts) },
            transaction,
            cancellationToken: cancellationToken));
        await transaction.CommitAsync(cancellationToken);
        return counts;

        Task<int> Delete(string rows) =>
            connection.ExecuteAsync(new CommandDefinition($"delete from {rows}", whose, transaction, cancellationToken: cancellationToken));
    }
}
