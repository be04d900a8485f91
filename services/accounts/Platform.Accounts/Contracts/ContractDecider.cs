using System.Diagnostics;
using Platform.EventStore;

namespace Platform.Accounts.Contracts;

internal sealed record SignContract(
    Guid ContractId,
    string ServiceCode,
    string Service,
    IReadOnlyList<string> Prefixes,
    long DeclaredBitsPerSecond,
    DateTimeOffset At);

internal sealed record ChangeContract(IReadOnlyList<string> Prefixes, long DeclaredBitsPerSecond, DateTimeOffset At);

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
                ? Decision<ContractEvent>.Unchanged // the same contract, sent again
                : ContractRejections.AlreadySigned();
        }

        return new ContractSigned(
            command.ContractId, command.ServiceCode, command.Service, prefixes, command.DeclaredBitsPerSecond, command.At);
    }

    public static Decision<ContractEvent> Decide(ContractState current, ChangeContract command)
    {
        if (current.Status is ContractStatus.None)
        {
            return ContractRejections.NotFound();
        }

        if (current.Status is ContractStatus.Terminated)
        {
            return ContractRejections.Terminated(current.TerminatedAt!.Value);
        }

        if (Check(command.Prefixes, command.DeclaredBitsPerSecond, out var prefixes) is { } reason)
        {
            return reason;
        }

        return SameContent(current, prefixes, command.DeclaredBitsPerSecond)
            ? Decision<ContractEvent>.Unchanged
            : new ContractChanged(current.ServiceCode, current.Service, prefixes, command.DeclaredBitsPerSecond, command.At);
    }

    public static Decision<ContractEvent> Decide(ContractState current, TerminateContract command) => current.Status switch
    {
        ContractStatus.None => ContractRejections.NotFound(),
        ContractStatus.InForce => new ContractTerminated(current.ServiceCode, current.Service, command.At),
        ContractStatus.Terminated => Decision<ContractEvent>.Unchanged,
        _ => throw new UnreachableException(),
    };

    private static Rejection? Check(IReadOnlyList<string> prefixes, long declaredBitsPerSecond, out IReadOnlyList<string> inOrder)
    {
        inOrder = [];
        return declaredBitsPerSecond <= 0 ? ContractRejections.BandwidthMissing() : Prefixes.Check(prefixes, out inOrder);
    }

    private static bool SameContent(ContractState current, IReadOnlyList<string> prefixes, long declaredBitsPerSecond) =>
        current.DeclaredBitsPerSecond == declaredBitsPerSecond && current.Prefixes.SequenceEqual(prefixes);
}
