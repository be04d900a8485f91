using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Accounts.Contracts;

internal enum ContractStatus
{
    None,
    InForce,
    Terminated,
}

/// <summary>What the rules need to remember about one contract.</summary>
/// <param name="Status">Where it is in its life.</param>
/// <param name="ServiceCode">Its code; part of every event of it, so that each fact says whose it is.</param>
/// <param name="Service">What was ordered.</param>
/// <param name="Prefixes">Protected prefixes, canonical, in address order.</param>
/// <param name="DeclaredBitsPerSecond">Greatest declared bandwidth.</param>
/// <param name="TerminatedAt">When it ended; null before.</param>
/// <param name="AlwaysOn">Option: its traffic runs through the scrubbers always.</param>
internal sealed record ContractState(
    ContractStatus Status,
    string ServiceCode,
    string Service,
    IReadOnlyList<string> Prefixes,
    long DeclaredBitsPerSecond,
    DateTimeOffset? TerminatedAt,
    bool AlwaysOn = false)
{
    public static readonly StreamType<ContractState, ContractEvent> Stream =
        new("contract", new ContractState(ContractStatus.None, "", "", [], 0, null), Evolve);

    public static ContractState Evolve(ContractState current, ContractEvent happened) => happened switch
    {
        ContractSigned e => new(ContractStatus.InForce, e.ServiceCode, e.Service, e.Prefixes, e.DeclaredBitsPerSecond, null, e.AlwaysOn),
        ContractChanged e => current with { Prefixes = e.Prefixes, DeclaredBitsPerSecond = e.DeclaredBitsPerSecond, AlwaysOn = e.AlwaysOn },
        ContractTerminated e => current with { Status = ContractStatus.Terminated, TerminatedAt = e.TerminatedAt },
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the contract stream."),
    };

    /// <summary>Prefixes that the contract holds against all others.</summary>
    public IReadOnlyList<string> PrefixesInForce => Status is ContractStatus.InForce ? Prefixes : [];
}
