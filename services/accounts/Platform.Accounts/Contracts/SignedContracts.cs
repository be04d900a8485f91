using Platform.EventStore;

namespace Platform.Accounts.Contracts;

/// <summary>Read model: one row per contract, ended ones included.</summary>
internal sealed class SignedContracts : IProjection
{
    public string Name => "contracts_v1";

    public void Project(RecordedEvent recorded, SqlBatch sql)
    {
        switch (recorded.Data)
        {
            case ContractSigned e:
                sql.Add($"""
                    insert into views.contracts_v1
                        (contract_id, tenant_id, service_code, service, prefixes, declared_bits_per_second, signed_at, always_on)
                    values ({e.ContractId}, {recorded.TenantId.ToGuid()}, {e.ServiceCode}, {e.Service}, {e.Prefixes.ToArray()},
                        {e.DeclaredBitsPerSecond}, {e.SignedAt}, {e.AlwaysOn})
                    on conflict (contract_id) do nothing
                    """);
                break;

            case ContractChanged e:
                sql.Add($"""
                    update views.contracts_v1
                    set prefixes = {e.Prefixes.ToArray()}, declared_bits_per_second = {e.DeclaredBitsPerSecond}, always_on = {e.AlwaysOn}
                    where contract_id = {Guid.Parse(recorded.StreamKey)}
                    """);
                break;

            case ContractTerminated e:
                sql.Add($"""
                    update views.contracts_v1 set terminated_at = {e.TerminatedAt} where contract_id = {Guid.Parse(recorded.StreamKey)}
                    """);
                break;
        }
    }
}
