using Dapper;
using Npgsql;
using Platform.EventStore;

namespace Platform.Accounts.Contracts;

/// <summary>What customers call their contracts. Class customer: a table, so that forgetting is deleting.</summary>
internal sealed class Labels(NpgsqlDataSource database)
{
    private const int Longest = 100;

    /// <summary>Sets the label; an empty one clears it. A label that is no plain line of text is refused.</summary>
    public async Task<Rejection?> Set(ServiceCode contract, string label, CancellationToken cancellationToken)
    {
        if (label.Length > Longest || label.Any(char.IsControl))
        {
            return ContractRejections.LabelInvalid(Longest);
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            label.Length == 0
                ? "delete from customer.labels where service_code = @Code"
                : """
                  insert into customer.labels (service_code, tenant_id, label) values (@Code, @TenantId, @label)
                  on conflict (service_code) do update set label = excluded.label
                  """,
            new { contract.Code, contract.TenantId, label },
            cancellationToken: cancellationToken));
        return null;
    }
}
