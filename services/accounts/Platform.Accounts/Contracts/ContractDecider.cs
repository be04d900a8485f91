using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Accounts.Contracts;

internal sealed record SignContract(
    Guid ContractId,
    string ServiceCode,
    string Service,
    IReadOnlyList<string> Prefixes,
    long DeclaredBitsPerSecond,
    DateTimeOffset At,
    bool AlwaysOn = false);

internal sealed record ChangeContract(IReadOnlyList<string> Prefixes, long DeclaredBitsPerSecond, DateTimeOffset At);

/// <summary>Orders or cancels the option; the rest stays.</summary>
internal sealed record SetAlwaysOn(bool Ordered, DateTimeOffset At);

internal sealed record TerminateContract(DateTimeOffset At);

/// <summary>The rules of one contract. That prefixes of different contracts never overlap is the work of <see cref="PrefixClaims"/>.</summary>
internal static class ContractDecider
{
    private static readonly string[] Offered = ["ddos"];

    public static Decision<ContractEvent> Decide(ContractState current, SignContract command)
    {
        if (!Offered.Contains(command.Service))
        {
            return ContractRejections.ServiceUnknown(command.Service);
        }

        if (Check(command.Prefixes, command.DeclaredBitsPerSecond, out var prefixes) is { } reason)
        {
            return reason;
        }

        if (current.Status is not ContractStatus.None)
        {
            return current.Service == command.Service && SameContent(current, prefixes, command.DeclaredBitsPerSecond)
                && current.AlwaysOn == command.AlwaysOn
                ? Decision<ContractEvent>.Unchanged // the same contract, sent again
                : ContractRejections.AlreadySigned();
        }

        return new ContractSigned(
            command.ContractId, command.ServiceCode, command.Service, prefixes, command.DeclaredBitsPerSecond, command.At, command.AlwaysOn);
    }

    public static Decision<ContractEvent> Decide(ContractState current, ChangeContract command)
    {
        if (NotInForce(current) is { } no)
        {
            return no;
        }

        if (Check(command.Prefixes, command.DeclaredBitsPerSecond, out var prefixes) is { } reason)
        {
            return reason;
        }

        return SameContent(current, prefixes, command.DeclaredBitsPerSecond)
            ? Decision<ContractEvent>.Unchanged
            : new ContractChanged(
                current.ServiceCode, current.Service, prefixes, command.DeclaredBitsPerSecond, command.At, current.AlwaysOn);
    }

    public static Decision<ContractEvent> Decide(ContractState current, SetAlwaysOn command) =>
        NotInForce(current) is { } no ? no
        : current.AlwaysOn == command.Ordered ? Decision<ContractEvent>.Unchanged
        : new ContractChanged(
            current.ServiceCode, current.Service, current.Prefixes, current.DeclaredBitsPerSecond, command.At, command.Ordered);

    public static Decision<ContractEvent> Decide(ContractState current, TerminateContract command) => current.Status switch
    {
        ContractStatus.None => ContractRejections.NotFound(),
        ContractStatus.InForce => new ContractTerminated(current.ServiceCode, current.Service, command.At),
        ContractStatus.Terminated => Decision<ContractEvent>.Unchanged,
        _ => throw new UnreachableException(),
    };

    private static Rejection? NotInForce(ContractState current) => current.Status switch
    {
        ContractStatus.None => ContractRejections.NotFound(),
        ContractStatus.Terminated => ContractRejections.Terminated(current.TerminatedAt!.Value),
        _ => null,
    };

    private static Rejection? Check(IReadOnlyList<string> prefixes, long declaredBitsPerSecond, out IReadOnlyList<string> inOrder)
    {
        inOrder = [];
        return declaredBitsPerSecond <= 0 ? ContractRejections.BandwidthMissing() : Prefixes.Check(prefixes, out inOrder);
    }

    private static bool SameContent(ContractState current, IReadOnlyList<string> prefixes, long declaredBitsPerSecond) =>
        current.DeclaredBitsPerSecond == declaredBitsPerSecond && current.Prefixes.SequenceEqual(prefixes);
}
