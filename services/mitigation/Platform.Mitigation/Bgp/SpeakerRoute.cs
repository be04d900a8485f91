using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Platform.Mitigation.Bgp.Wire;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Bgp;

/// <summary>
/// A route as a speaker holds it, whole prefix or rule. Two are equal when the speaker would send the same: both what we want and what we
/// read back are described from the same wire form.
/// </summary>
internal sealed class SpeakerRoute : IEquatable<SpeakerRoute>
{
    public const int Unicast = 1;
    public const int FlowSpec = 133;
    private const uint OriginIncomplete = 2;

    /// <summary>
    /// Administrator, an ASN for private use (RFC 6996), of the large community (RFC 8092) by which a route says itself when it ends: its first number is
    /// seconds since 1970.
    /// </summary>
    private const uint EndsAt = 4_200_000_000;

    private readonly string _whole;
    private readonly string _display;

    private SpeakerRoute(Family family, Any nlri, IReadOnlyList<Any> attributes, string? display, Timestamp? addedAt = null, bool isTold = false)
    {
        (AddedAt, IsTold) = (addedAt, isTold);
        (Family, Nlri, Attributes) = (family, nlri, attributes);
        Place = Describe(nlri);
        Key = $"{family.Afi}/{family.Safi} {Place}";
        ExpiresAt = attributes.Select(EndOf).FirstOrDefault(it => it is not null);
        Effect = $"{Key} {string.Join(' ', attributes.Select(it => DescribeAttribute(it, family)).Where(it => it.Length > 0).Order(StringComparer.Ordinal))}";
        _whole = ExpiresAt is { } end ? string.Create(CultureInfo.InvariantCulture, $"{Effect} until {end:O}") : Effect;
        _display = display ?? _whole;
    }

    /// <summary>The prefix, or the packets that the rule is about.</summary>
    public string Place { get; }

    /// <summary>What a speaker holds one of: equal for two routes of which the later replaces the earlier.</summary>
    public string Key { get; }

    /// <summary>What routers make of it: equal for two routes that differ only in when they end.</summary>
    public string Effect { get; }

    /// <summary>When it ends by its own word (UTC); null when it says none.</summary>
    public DateTimeOffset? ExpiresAt { get; }

    /// <summary>When the speaker took it, by its own clock and in whole seconds; null for one that was not read.</summary>
    public Timestamp? AddedAt { get; }

    /// <summary>
    /// Whether neighbours hear it, or the same from another path of its destination: of several the speaker tells the best one only. No part of what is equal:
    /// putting it in again would not make it any better.
    /// </summary>
    public bool IsTold { get; }

    public Family Family { get; }

    public bool IsRule => Family.Safi == FlowSpec;

    public Any Nlri { get; }

    public IReadOnlyList<Any> Attributes { get; }

    /// <summary>All traffic to a prefix goes to this next hop; routers know from the communities what it means.</summary>
    public static SpeakerRoute To(
        IPNetwork prefix,
        IPAddress nextHop,
        IReadOnlyList<Community> communities,
        DateTimeOffset? expiresAt = null,
        bool saysNextHop = false,
        uint? localPreference = null) => new(
        FamilyOf(prefix, Unicast),
        Any.Pack(new IPAddressPrefix { Prefix = prefix.BaseAddress.ToString(), PrefixLen = (uint)prefix.PrefixLength }),
        [
            Origin,
            Any.Pack(new NextHopAttribute { NextHop = nextHop.ToString() }),
            .. localPreference is { } preference ? (Any[])[Any.Pack(new LocalPrefAttribute { LocalPref = preference })] : [],
            .. Carrying(communities),
            .. Ending(expiresAt),
        ],
        communities.Count > 0 && !saysNextHop ? $"{prefix} community {string.Join(' ', communities)}" : $"{prefix} via {nextHop}");

    /// <summary>A rule for the routers' own filters.</summary>
    public static SpeakerRoute Of(TrafficRule rule, IReadOnlyList<Community> communities, DateTimeOffset? expiresAt = null) => new(
        FamilyOf(rule.Destination, FlowSpec),
        Any.Pack(new FlowSpecNLRI { Rules = { FlowSpecRules.Of(rule) } }),
        [
            Origin,
            // Means nothing for a rule, but the speaker asks for it.
            Any.Pack(new NextHopAttribute
            {
                NextHop = (rule.Destination.BaseAddress.AddressFamily is AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any).ToString(),
            }),
            .. FlowSpecRules.ActionOf(rule) is { } action
                ? (Any[])[Any.Pack(new ExtendedCommunitiesAttribute { Communities = { action } })]
                : [],
            .. Carrying(communities),
            .. Ending(expiresAt),
        ],
        rule.ToString());

    /// <summary>As the speaker says that it holds it.</summary>
    /// <param name="path">Path of ours.</param>
    /// <param name="family">Address family.</param>
    /// <param name="best">The path of the same destination that neighbours are told; null: none.</param>
    public static SpeakerRoute Read(Wire.Path path, Family family, Wire.Path? best)
    {
        var own = new SpeakerRoute(family, path.Nlri, path.Pattrs, display: null, path.Age, path.Best);
        // Another installation may have asked this speaker for the same; what it learned from a neighbour it may not tell the others.
        return own.IsTold || best is not { NeighborIp: BgpSpeaker.AddedOverApi } || new SpeakerRoute(family, best.Nlri, best.Pattrs, display: null).Effect != own.Effect
            ? own
            : new SpeakerRoute(family, path.Nlri, path.Pattrs, display: null, path.Age, isTold: true);
    }

    public bool Equals(SpeakerRoute? other) => other is not null && _whole == other._whole;

    public override bool Equals(object? obj) => Equals(obj as SpeakerRoute);

    public override int GetHashCode() => _whole.GetHashCode(StringComparison.Ordinal);

    /// <summary>In the field's notation, for example <c>203.0.113.10/32 community 65535:666</c> or <c>to 203.0.113.10/32 udp source-port 123 discard</c>.</summary>
    public override string ToString() => _display;

    private static Any Origin => Any.Pack(new OriginAttribute { Origin = OriginIncomplete });

    private static IEnumerable<Any> Carrying(IReadOnlyList<Community> communities) => communities.Count == 0
        ? []
        : [Any.Pack(new CommunitiesAttribute { Communities = { communities.Select(community => community.Value) } })];

    private static IEnumerable<Any> Ending(DateTimeOffset? expiresAt) => expiresAt is not { } end
        ? []
        : [Any.Pack(new LargeCommunitiesAttribute { Communities = { new LargeCommunity { GlobalAdmin = EndsAt, LocalData1 = (uint)end.ToUnixTimeSeconds() } } })];

    private static DateTimeOffset? EndOf(Any attribute) =>
        attribute.TryUnpack<LargeCommunitiesAttribute>(out var carried) && carried.Communities.FirstOrDefault(it => it.GlobalAdmin == EndsAt) is { } end
            ? DateTimeOffset.FromUnixTimeSeconds(end.LocalData1)
            : null;

    private static Family FamilyOf(IPNetwork prefix, int safi) =>
        new() { Afi = prefix.BaseAddress.AddressFamily is AddressFamily.InterNetwork ? 1 : 2, Safi = safi };

    private static string Describe(Any nlri)
    {
        if (nlri.TryUnpack<IPAddressPrefix>(out var prefix))
        {
            return $"{IPAddress.Parse(prefix.Prefix)}/{prefix.PrefixLen}";
        }

        return nlri.TryUnpack<FlowSpecNLRI>(out var rules) ? FlowSpecRules.Describe(rules) : Opaque(nlri);
    }

    /// <summary>What decides what routers do; the rest, such as what the speaker adds by itself, is no difference.</summary>
    private static string DescribeAttribute(Any attribute, Family family)
    {
        if (attribute.TryUnpack<CommunitiesAttribute>(out var carried))
        {
            return $"community {string.Join(' ', carried.Communities.Order().Select(value => new Community(value)))}";
        }

        if (attribute.TryUnpack<ExtendedCommunitiesAttribute>(out var extended))
        {
            return $"action {string.Join(' ', extended.Communities.Select(FlowSpecRules.DescribeAction).Order(StringComparer.Ordinal))}";
        }

        if (attribute.TryUnpack<LocalPrefAttribute>(out var preferred))
        {
            return string.Create(CultureInfo.InvariantCulture, $"preference {preferred.LocalPref}");
        }

        if (family.Safi == FlowSpec)
        {
            return "";
        }

        if (attribute.TryUnpack<NextHopAttribute>(out var hop))
        {
            return $"via {IPAddress.Parse(hop.NextHop)}";
        }

        return attribute.TryUnpack<MpReachNLRIAttribute>(out var reach) && reach.NextHops.Count > 0
            ? $"via {IPAddress.Parse(reach.NextHops[0])}"
            : "";
    }

    private static string Opaque(Any message) => string.Create(
        CultureInfo.InvariantCulture, $"{message.TypeUrl} {Convert.ToHexString(message.ToByteArray())}");
}
