using System.Net;
using Npgsql;
using NpgsqlTypes;
using Platform.Mitigation.Capacity;

namespace Platform.Mitigation.KnownContracts;

/// <summary>
/// Our copy of what each contract protects, so that an outage of accounts cannot stop a defence. Fed by facts in any order: only a higher
/// version changes a row, and an end is final.
/// </summary>
internal sealed class ContractDirectory(NpgsqlDataSource database, KnownCapacity capacity)
{
    public async Task Save(KnownContract contract, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            insert into views.contracts_v1 as known (contract_id, tenant_id, service_code, prefixes, version, ended_at, declared_bits_per_second, always_on)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            on conflict (contract_id) do update
            set prefixes = excluded.prefixes, version = excluded.version, ended_at = excluded.ended_at,
                declared_bits_per_second = excluded.declared_bits_per_second, always_on = excluded.always_on
            where excluded.version > known.version and known.ended_at is null
            returning xmax = 0
            """); // null: nothing new; true: a contract that was not known
        command.Parameters.Add(new() { Value = contract.ContractId });
        command.Parameters.Add(new() { Value = contract.TenantId });
        command.Parameters.Add(new() { Value = contract.ServiceCode });
        command.Parameters.Add(new() { Value = contract.Prefixes, NpgsqlDbType = NpgsqlDbType.Cidr | NpgsqlDbType.Array });
        command.Parameters.Add(new() { Value = contract.Version });
        command.Parameters.Add(new()
        {
            Value = (object?)contract.EndedAt?.ToUniversalTime() ?? DBNull.Value,
            NpgsqlDbType = NpgsqlDbType.TimestampTz,
        });
        command.Parameters.Add(new() { Value = contract.DeclaredBitsPerSecond });
        command.Parameters.Add(new() { Value = contract.AlwaysOn });
        if (await command.ExecuteScalarAsync(cancellation) is true)
        {
            await capacity.Admitted(contract, cancellation);
        }
    }
}

/// <param name="DeclaredBitsPerSecond">Greatest bandwidth of what it protects.</param>
/// <param name="AlwaysOn">Option: its traffic runs through the scrubbers always.</param>
/// <param name="EndedAt">Null while it runs.</param>
internal sealed record KnownContract(
    Guid TenantId,
    Guid ContractId,
    string ServiceCode,
    IPNetwork[] Prefixes,
    long Version,
    long DeclaredBitsPerSecond,
    bool AlwaysOn,
    DateTimeOffset? EndedAt);
