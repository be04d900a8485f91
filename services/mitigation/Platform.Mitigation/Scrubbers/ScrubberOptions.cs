using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Scrubbers;

/// <summary>The scrubbers of the installation. Bound from the <c>Scrubbers</c> section.</summary>
internal sealed class ScrubberOptions : IValidatableObject
{
    public const string Section = "Scrubbers";

    /// <summary>Agents that may ask what to filter. Default none.</summary>
    public ScrubberAgent[] Agents { get; init; } = [];

    /// <summary>What the scrubbers can carry, by pool. Default none: not limited.</summary>
    public ScrubbingPool[] Pools { get; init; } = [];

    /// <summary>From how much of its limit on a pool counts as nearly full, in percent. 1 to 100; default 80.</summary>
    [Range(1, 100, ErrorMessage = "must be 1 to 100.")]
    public int NearlyFullPercent { get; init; } = 80;

    /// <summary>How many contracts without always-on share the room of one, because they are not attacked at the same time. 1 to 1000; default 10.</summary>
    [Range(1, 1_000, ErrorMessage = "must be 1 to 1000.")]
    public int Sharing { get; init; } = 10;

    /// <summary>How long an agent goes on filtering without hearing from here. 10 seconds to 1 hour; default 5 minutes.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "01:00:00", ErrorMessage = "must be 00:00:10 to 01:00:00.")]
    public TimeSpan Lease { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long an agent may be unheard before it counts as away: then nothing new is diverted to it, and what is diverted to a pool without any other
    /// agent leaves it. 5 seconds to 5 minutes; default 10 seconds: an agent asks twice a second, needs up to 6 to notice a controller that vanished and find another,
    /// and 2 to be there again after a crash; where its node died, the traffic is lost for so long.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:05", "00:05:00", ErrorMessage = "must be 00:00:05 to 00:05:00.")]
    public TimeSpan AwayAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Agents that filter what goes to this pool (null: to no pool in particular); none where somebody else's scrubbers stand there.</summary>
    internal IReadOnlyList<string> AgentsOf(string? pool) => [.. Agents.Select(agent => agent.Name).Where(agent => Serves(agent, pool))];

    /// <summary>Whether this agent filters what goes to this pool (null: to no pool in particular).</summary>
    internal bool Serves(string agent, string? pool) =>
        pool is null || Agents.FirstOrDefault(it => it.Name == agent)?.Pool is not { } own || own == pool;

    internal bool IsAbroad(string agent) => Agents.Any(it => it.Name == agent && it.IsAbroad);

    /// <summary>Which addresses cleaned traffic of this pool has a way back for. Without a way of its own the routing of its nodes knows all.</summary>
    internal Families Returned(string? pool) => PoolNamed(pool)?.Return?.Families ?? Families.IPv4 | Families.IPv6;

    /// <summary>A prefix that keeps each pool from taking all of these; null when one can.</summary>
    internal IPNetwork? WithoutWayBack(IReadOnlyList<IPNetwork> prefixes) =>
        Pools.Length > 0 && Pools.All(pool => prefixes.Any(prefix => IsLost(pool, prefix)))
            ? prefixes.First(prefix => Pools.Any(pool => IsLost(pool, prefix)))
            : null;

    private bool IsLost(ScrubbingPool pool, IPNetwork prefix) => !Returned(pool.Name).HasFlag(NetworkMeans.FamilyOf(prefix));

    internal bool SeesBothDirections(string? pool) => PoolNamed(pool)?.Return is { BothDirections: true };

    internal ScrubbingPool? PoolNamed(string? name) => Pools.FirstOrDefault(pool => pool.Name == name);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var agent in Agents.Where(agent => agent.Name.Length is 0 or > 50 || agent.Name.Contains(':', StringComparison.Ordinal) || agent.Token.Length < 16))
        {
            yield return new($"= '{agent.Name}': needs a name of 1 to 50 characters without colon and a token of 16 or more.", [nameof(Agents)]);
        }

        foreach (var (pool, fault) in Pools.SelectMany(pool => pool.Faults().Select(fault => (pool, fault))))
        {
            yield return new($"= '{pool.Name}': {fault}", [nameof(Pools)]);
        }

        foreach (var agent in Agents.Where(agent => agent.Location.Length != 2 || !agent.Location.All(char.IsAsciiLetterUpper)))
        {
            yield return new($"= '{agent.Name}': {nameof(agent.Location)} must be two capital letters, for example JP.", [nameof(Agents)]);
        }

        foreach (var agent in Agents.Where(agent => agent.IsAbroad && PoolNamed(agent.Pool)?.Return is { Interface: not null }))
        {
            yield return new(
                $"= '{agent.Name}': stands abroad, where only addresses go: the way back of its pool must be a next hop, without {nameof(ReturnPath.Interface)}.",
                [nameof(Agents)]);
        }

        foreach (var agent in Agents.Where(agent => agent.Pool is { } name && Pools.All(pool => pool.Name != name)))
        {
            yield return new($"= '{agent.Name}': there is no pool '{agent.Pool}'.", [nameof(Agents)]);
        }

        if (Pools.DistinctBy(pool => pool.Name).Count() != Pools.Length)
        {
            yield return new("must have different names.", [nameof(Pools)]);
        }

        if (Agents.DistinctBy(agent => agent.Name).Count() != Agents.Length)
        {
            yield return new("must have different names.", [nameof(Agents)]);
        }
    }
}

/// <summary>One agent on a scrubber node.</summary>
internal sealed class ScrubberAgent
{
    /// <summary>Name in events, facts and metrics; 1 to 50 characters, no colon, not that of a speaker.</summary>
    public string Name { get; init; } = "";

    /// <summary>What the agent proves itself with; 16 characters or more, from a secret.</summary>
    public string Token { get; init; } = "";

    /// <summary>Country where it stands (ISO 3166-1, two letters). To one abroad no names of interfaces go, only addresses. Default JP.</summary>
    public string Location { get; init; } = HomeCountry.Code;

    internal bool IsAbroad => Location != HomeCountry.Code;

    /// <summary>Pool that it is part of; it filters what is diverted there. Unset: everything.</summary>
    public string? Pool { get; init; }
}

/// <summary>Scrubbers that carry traffic together, at one place.</summary>
internal sealed class ScrubbingPool
{
    /// <summary>Name; 1 to 50 characters.</summary>
    public string Name { get; init; } = "";

    /// <summary>What it can clean at once, in bits per second; 1 to 10^15.</summary>
    public long BitsPerSecond { get; init; }

    /// <summary>Next hop of IPv4 diversions to this pool. Unset: the speaker's own.</summary>
    public string? NextHopIPv4 { get; init; }

    /// <summary>Next hop of IPv6 diversions to this pool. Unset: the speaker's own.</summary>
    public string? NextHopIPv6 { get; init; }

    /// <summary>How cleaned traffic goes back. Unset: by the routing of the scrubber's node.</summary>
    public ReturnPath? Return { get; init; }

    /// <summary>
    /// Whether traffic to the pool is spread over its agents (equal-cost routes): then what all sources together may have is shared by those that are there.
    /// False: one of them has all of it, as where the others stand by. Default false.
    /// </summary>
    public bool Spreads { get; init; }

    internal IPAddress? NextHopFor(IPNetwork prefix) =>
        (prefix.BaseAddress.AddressFamily is AddressFamily.InterNetwork ? NextHopIPv4 : NextHopIPv6) is { } address ? IPAddress.Parse(address) : null;

    internal IEnumerable<string> Faults()
    {
        if (Name.Length is 0 or > 50 || BitsPerSecond is <= 0 or > 1_000_000_000_000_000)
        {
            yield return "needs a name of 1 to 50 characters and 1 to 10^15 bits per second.";
        }

        if (!PrefixText.IsAddress(NextHopIPv4, AddressFamily.InterNetwork) || !PrefixText.IsAddress(NextHopIPv6, AddressFamily.InterNetworkV6))
        {
            yield return $"{nameof(NextHopIPv4)} and {nameof(NextHopIPv6)} must be addresses of their family.";
        }

        foreach (var fault in Return?.Faults() ?? [])
        {
            yield return $"{nameof(Return)}: {fault}";
        }

        if (Return is { } back
            && ((back.NextHopIPv4 is not null && back.NextHopIPv4 == NextHopIPv4) || (back.NextHopIPv6 is not null && back.NextHopIPv6 == NextHopIPv6)))
        {
            yield return $"{nameof(Return)}: the way back must not lead to the pool itself.";
        }
    }
}

/// <summary>
/// How cleaned traffic goes back to its owner: the diverting route would lead it to the scrubber again, so it takes another way. Agents make it a
/// routing table of their own, asked for diverted prefixes only.
/// </summary>
internal sealed class ReturnPath
{
    /// <summary>By which means. Default <see cref="ReturnKind.NextHop"/>.</summary>
    public ReturnKind Kind { get; init; } = ReturnKind.NextHop;

    /// <summary>Interface on the agents' nodes: the tunnel, the VLAN or the VRF. Needed for all kinds but <see cref="ReturnKind.NextHop"/>; 1 to 15 characters.</summary>
    public string? Interface { get; init; }

    /// <summary>Router that takes cleaned IPv4 traffic.</summary>
    public string? NextHopIPv4 { get; init; }

    /// <summary>Router that takes cleaned IPv6 traffic.</summary>
    public string? NextHopIPv6 { get; init; }

    /// <summary>
    /// True where the victims' answers pass the same scrubbers too, which a SYN proxy needs. Default false: only what goes to the victims is
    /// diverted.
    /// </summary>
    public bool BothDirections { get; init; }

    /// <summary>An interface takes both families, a router its own.</summary>
    internal Families Families =>
        (Interface is not null || NextHopIPv4 is not null ? Families.IPv4 : Families.None)
        | (Interface is not null || NextHopIPv6 is not null ? Families.IPv6 : Families.None);

    internal IEnumerable<string> Faults()
    {
        if (!Enum.IsDefined(Kind))
        {
            yield return $"{nameof(Kind)} must be one of {string.Join(", ", Enum.GetNames<ReturnKind>())}.";
        }

        if (Interface is null ? Kind is not ReturnKind.NextHop : Interface.Length is 0 or > 15 || !Interface.All(IsNameCharacter))
        {
            yield return $"{nameof(Interface)} must be the name of an interface, 1 to 15 letters, digits, dots, hyphens or underscores.";
        }

        if (!PrefixText.IsAddress(NextHopIPv4, AddressFamily.InterNetwork) || !PrefixText.IsAddress(NextHopIPv6, AddressFamily.InterNetworkV6))
        {
            yield return $"{nameof(NextHopIPv4)} and {nameof(NextHopIPv6)} must be addresses of their family.";
        }

        if (Kind is ReturnKind.NextHop && NextHopIPv4 is null && NextHopIPv6 is null)
        {
            yield return $"needs {nameof(NextHopIPv4)} or {nameof(NextHopIPv6)}.";
        }
    }

    private static bool IsNameCharacter(char it) => char.IsAsciiLetterOrDigit(it) || it is '.' or '-' or '_';
}

/// <summary>Means of a way back.</summary>
internal enum ReturnKind
{
    /// <summary>A router beside the scrubber.</summary>
    NextHop,

    /// <summary>A GRE tunnel to the customer's edge.</summary>
    Gre,

    /// <summary>A VLAN to the customer.</summary>
    Vlan,

    /// <summary>A VRF without the diverting routes.</summary>
    Vrf,
}
