using Platform.Accounts.Contracts;
using Platform.Accounts.Operators;
using Platform.Accounts.Tenants;
using Platform.EventStore;
using Platform.Hosting;
using Published = Platform.Contracts.Accounts.V1;

namespace Platform.Accounts;

/// <summary>What neighbours may know. An event without a case here stays inside the service.</summary>
internal sealed class AccountsPublications : IPublications
{
    public object? Publish(RecordedEvent recorded) => recorded.Data switch
    {
        TenantRegistered e => new Published.TenantRegistered { TenantId = recorded.TenantId.ToGuid(), RegisteredAt = e.RegisteredAt },
        OperatorRegistered e => new Published.OperatorRegistered
        {
            TenantId = TenantOrNone(recorded),
            OperatorId = e.OperatorId,
            Role = e.Role,
            RegisteredAt = e.RegisteredAt,
        },
        OperatorDeleted e => new Published.OperatorDeleted
        {
            TenantId = TenantOrNone(recorded),
            OperatorId = e.OperatorId,
            DeletedAt = e.DeletedAt,
        },
        ContractSigned e => new Published.ContractSigned
        {
            TenantId = recorded.TenantId.ToGuid(),
            ContractId = e.ContractId,
            ServiceCode = e.ServiceCode,
            Service = e.Service,
            Prefixes = e.Prefixes,
            DeclaredBitsPerSecond = e.DeclaredBitsPerSecond,
            AlwaysOn = e.AlwaysOn,
            Version = recorded.Version,
            SignedAt = e.SignedAt,
        },
        ContractChanged e => new Published.ContractChanged
        {
            TenantId = recorded.TenantId.ToGuid(),
            ContractId = Guid.Parse(recorded.StreamKey),
            ServiceCode = e.ServiceCode,
            Service = e.Service,
            Prefixes = e.Prefixes,
            DeclaredBitsPerSecond = e.DeclaredBitsPerSecond,
            AlwaysOn = e.AlwaysOn,
            Version = recorded.Version,
            ChangedAt = e.ChangedAt,
        },
        ContractTerminated e => new Published.ContractTerminated
        {
            TenantId = recorded.TenantId.ToGuid(),
            ContractId = Guid.Parse(recorded.StreamKey),
            ServiceCode = e.ServiceCode,
            Service = e.Service,
            Version = recorded.Version,
            TerminatedAt = e.TerminatedAt,
        },
        _ => null,
    };

    private static Guid? TenantOrNone(RecordedEvent recorded) => recorded.TenantId == TenantId.Provider ? null : recorded.TenantId.ToGuid();
}
