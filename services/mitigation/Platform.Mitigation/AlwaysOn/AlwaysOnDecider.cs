using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.AlwaysOn;

/// <param name="ServiceCode">The contract.</param>
/// <param name="Contract">What it protects now.</param>
/// <param name="CanDivert">Whether some speaker diverts each family that the contract protects.</param>
/// <param name="OrderId">Identity that the order gets.</param>
/// <param name="Version">Version of the contract that says so.</param>
/// <param name="At">Now (UTC).</param>
internal sealed record OrderAlwaysOn(
    string ServiceCode, ContractScope Contract, bool CanDivert, Guid OrderId, long Version, DateTimeOffset At);

/// <param name="Version">Version of the contract that says so.</param>
/// <param name="At">Now (UTC).</param>
internal sealed record CancelAlwaysOn(long Version, DateTimeOffset At);

/// <summary>The contract orders and cancels; here it is made so, and refused what cannot stand.</summary>
internal static class AlwaysOnDecider
{
    /// <summary>More routes than this for one contract are nobody's diversion.</summary>
    public const int MostRoutes = 64;

    public static Decision<AlwaysOnEvent> Decide(AlwaysOnState current, OrderAlwaysOn command) =>
        current.OrderId is not null ? Decision<AlwaysOnEvent>.Unchanged // ordered again
        : Refusal(command.ServiceCode, command.Contract, command.CanDivert) is { } refusal ? refusal
        : new AlwaysOnOrdered(command.OrderId, command.ServiceCode, NoteOf(command.Version), command.At);

    public static Decision<AlwaysOnEvent> Decide(AlwaysOnState current, CancelAlwaysOn command) =>
        current.OrderId is { } order
            ? new AlwaysOnCancelled(order, current.ServiceCode!, NoteOf(command.Version), command.At)
            : Decision<AlwaysOnEvent>.Unchanged;

    /// <summary>Why the traffic of this contract cannot run through the scrubbers always; null when it can.</summary>
    public static Rejection? Refusal(string serviceCode, ContractScope contract, bool canDivert) =>
        contract.Ended ? MitigationRejections.ContractEnded(serviceCode)
        : !canDivert ? AlwaysOnRejections.NothingDiverts
        : Routes(contract.Prefixes) is not { Count: <= MostRoutes } ? AlwaysOnRejections.TooManyRoutes
        : null;

    /// <summary>The prefixes as routes that the rails let through: what is wider than /24 or /48 in parts; null when those are too many to name.</summary>
    public static IReadOnlyList<IPNetwork>? Routes(IReadOnlyList<IPNetwork> prefixes)
    {
        var routes = new List<IPNetwork>();
        foreach (var prefix in prefixes)
        {
            var narrowest = prefix.BaseAddress.AddressFamily is AddressFamily.InterNetwork ? SafetyRails.HardWidestIPv4 : SafetyRails.HardWidestIPv6;
            var bits = narrowest - prefix.PrefixLength;
            if (bits > 6)
            {
                return null;
            }

            if (bits <= 0)
            {
                routes.Add(prefix);
                continue;
            }

            for (var part = 0; part < 1 << bits; part++)
            {
                var bytes = prefix.BaseAddress.GetAddressBytes();
                for (var bit = 0; bit < bits; bit++)
                {
                    var position = narrowest - 1 - bit;
                    bytes[position / 8] |= (byte)(((part >> bit) & 1) << (7 - position % 8));
                }

                routes.Add(new IPNetwork(new IPAddress(bytes), narrowest));
            }
        }

        return routes;
    }

    private static string NoteOf(long version) => string.Create(CultureInfo.InvariantCulture, $"version {version} of the contract");
}

/// <summary>Every expected "no" to an order.</summary>
internal static class AlwaysOnRejections
{
    public static Rejection NothingDiverts { get; } = new(
        RejectionKind.Conflict,
        "nothing-diverts",
        "No speaker diverts to a scrubber.",
        "Set Bgp:Speakers:N:DiversionNextHopIPv4 and DiversionNextHopIPv6 for what the contract protects.");

    public static Rejection TooManyRoutes { get; } = new(
        RejectionKind.Invalid,
        "too-many-routes",
        "The contract's prefixes are too wide to be diverted always.",
        $"They would need more than {AlwaysOnDecider.MostRoutes} routes of /24 or /48.");
}
