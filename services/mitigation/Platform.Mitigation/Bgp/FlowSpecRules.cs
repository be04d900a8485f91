using System.Globalization;
using System.Net;
using Google.Protobuf.WellKnownTypes;
using Platform.Mitigation.Bgp.Wire;
using Platform.Mitigation.Mitigations;

namespace Platform.Mitigation.Bgp;

/// <summary>Rules as FlowSpec components (RFC 8955, section 4; RFC 8956 for IPv6) and actions (RFC 8955, section 7).</summary>
internal static class FlowSpecRules
{
    private const uint DestinationPrefix = 1, SourcePrefix = 2, IpProtocol = 3, DestinationPort = 5, SourcePort = 6, TcpFlags = 9,
        PacketLength = 10, Fragment = 12;

    private const uint Equal = 1, Greater = 2, Less = 4, And = 0x40;
    private const uint MatchAll = 1, Not = 2;

    /// <summary>Bit of a fragment that is not the first.</summary>
    private const uint IsFragment = 0x02;

    /// <summary>What of an operator is meaning; the rest is length and position, which the speaker sets.</summary>
    private const uint Meaning = And | Equal | Greater | Less;

    /// <summary>The components, by ascending type as the RFC demands.</summary>
    public static IEnumerable<Any> Of(TrafficRule rule)
    {
        yield return Prefix(DestinationPrefix, rule.Destination);
        if (rule.Source is { } source)
        {
            yield return Prefix(SourcePrefix, source);
        }

        if (rule.Protocol is { } protocol)
        {
            yield return Component(IpProtocol, [(Equal, protocol)]);
        }

        if (rule.DestinationPort is { } to)
        {
            yield return Component(DestinationPort, Numbers(to));
        }

        if (rule.SourcePort is { } from)
        {
            yield return Component(SourcePort, Numbers(from));
        }

        if (rule.TcpFlagsSet != 0 || rule.TcpFlagsClear != 0)
        {
            yield return Component(TcpFlags, Flags(rule));
        }

        if (rule.PacketLength is { } length)
        {
            yield return Component(PacketLength, Numbers(length));
        }

        if (rule.Fragment)
        {
            yield return Component(Fragment, [(MatchAll, IsFragment)]);
        }
    }

    /// <summary>The extended community of the action; null to let pass, which is what a rule without one does.</summary>
    public static Any? ActionOf(TrafficRule rule)
    {
        switch (rule.Action)
        {
            case TrafficAction.Accept:
                return null;
            case TrafficAction.Redirect:
                var parts = rule.RedirectTo!.Split(':');
                return Any.Pack(new RedirectTwoOctetAsSpecificExtended
                {
                    Asn = uint.Parse(parts[0], CultureInfo.InvariantCulture),
                    LocalAdmin = uint.Parse(parts[1], CultureInfo.InvariantCulture),
                });
            default:
                return Any.Pack(new TrafficRateExtended { Rate = rule.Action is TrafficAction.RateLimit ? rule.BytesPerSecond!.Value : 0 });
        }
    }

    public static string Describe(FlowSpecNLRI nlri) => string.Join(' ', nlri.Rules.Select(DescribeComponent));

    public static string DescribeAction(Any community)
    {
        if (community.TryUnpack<TrafficRateExtended>(out var limit))
        {
            return string.Create(CultureInfo.InvariantCulture, $"rate {limit.Rate}");
        }

        return community.TryUnpack<RedirectTwoOctetAsSpecificExtended>(out var redirect)
            ? $"redirect {redirect.Asn}:{redirect.LocalAdmin}"
            : $"{community.TypeUrl} {community.Value.ToBase64()}";
    }

    private static string DescribeComponent(Any rule)
    {
        if (rule.TryUnpack<FlowSpecIPPrefix>(out var prefix))
        {
            return $"{prefix.Type}:{IPAddress.Parse(prefix.Prefix)}/{prefix.PrefixLen}";
        }

        return rule.TryUnpack<FlowSpecComponent>(out var component)
            ? $"{component.Type}:{string.Join(',', component.Items.Select(item => $"{item.Op & Meaning}={item.Value}"))}"
            : $"{rule.TypeUrl} {rule.Value.ToBase64()}";
    }

    private static Any Prefix(uint type, IPNetwork prefix) => Any.Pack(new FlowSpecIPPrefix
    {
        Type = type,
        Prefix = prefix.BaseAddress.ToString(),
        PrefixLen = (uint)prefix.PrefixLength,
    });

    private static Any Component(uint type, IEnumerable<(uint Op, uint Value)> items) => Any.Pack(new FlowSpecComponent
    {
        Type = type,
        Items = { items.Select(item => new FlowSpecComponentItem { Op = item.Op, Value = item.Value }) },
    });

    private static (uint Op, uint Value)[] Numbers(NumberRange range) => range.From == range.To
        ? [(Equal, (uint)range.From)]
        : [(Greater | Equal, (uint)range.From), (And | Less | Equal, (uint)range.To)];

    private static IEnumerable<(uint Op, uint Value)> Flags(TrafficRule rule)
    {
        if (rule.TcpFlagsSet != 0)
        {
            yield return (MatchAll, rule.TcpFlagsSet);
        }

        if (rule.TcpFlagsClear != 0)
        {
            yield return (Not | (rule.TcpFlagsSet != 0 ? And : 0), rule.TcpFlagsClear); // none of them
        }
    }
}
