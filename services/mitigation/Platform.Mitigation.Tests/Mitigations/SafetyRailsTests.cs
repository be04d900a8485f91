using System.Net;
using Platform.Mitigation.DefensePolicies;
using Platform.Mitigation.Mitigations;
using static Platform.Mitigation.Tests.Mitigations.AMitigation;

namespace Platform.Mitigation.Tests.Mitigations;

/// <summary>Each sentence tries to break one rail.</summary>
public sealed class SafetyRailsTests
{
    private static readonly TrafficRule Ntp = new(
        IPNetwork.Parse("203.0.113.10/32"), TrafficAction.Discard, Protocol: 17, SourcePort: NumberRange.Of(123));

    [Fact]
    public void A_narrow_rule_inside_the_tenants_own_prefixes_passes() => Assert.Null(Refusal(Ntp));

    [Theory]
    [InlineData("0.0.0.0/0")]
    [InlineData("0.0.0.0/1")]
    [InlineData("128.0.0.0/1")]
    [InlineData("203.0.0.0/8")]
    [InlineData("203.0.112.0/23")]
    [InlineData("::/0")]
    [InlineData("2000::/3")]
    [InlineData("2001:db8::/47")]
    public void Nothing_wider_than_24_or_48_passes_whatever_a_contract_or_a_tenants_setting_claims(string prefix)
    {
        var lax = Rails with { WidestIPv4 = 0, WidestIPv6 = 0 };
        var everything = new ContractScope([IPNetwork.Parse("0.0.0.0/0"), IPNetwork.Parse("::/0")], Ended: false);
        foreach (var kind in Enum.GetValues<CountermeasureKind>())
        {
            var spec = new CountermeasureSpec(
                kind, IPNetwork.Parse(prefix), new TrafficRule(IPNetwork.Parse(prefix), TrafficAction.Discard, Protocol: 17));
            Assert.Equal("target-too-wide", lax.RefusalOf(spec, everything, "DP00000001")?.Code);
            Assert.False(SafetyRails.WithinHardLimits(spec.Prefix));
        }
    }

    [Fact]
    public void A_tenants_own_limit_is_tighter_than_the_hard_one()
    {
        var hostsOnly = Rails with { WidestIPv4 = 32, WidestIPv6 = 128 };
        var diversion = new CountermeasureSpec(CountermeasureKind.Diversion, IPNetwork.Parse("203.0.113.0/25"));
        Assert.Null(Rails.RefusalOf(diversion, Contract, "DP00000001"));
        Assert.Equal("target-too-wide", hostsOnly.RefusalOf(diversion, Contract, "DP00000001")?.Code);
    }

    [Theory]
    [InlineData("203.0.113.10/32", "203.0.113.10/32")]
    [InlineData("203.0.113.10/32", "203.0.113.0/28")]
    [InlineData("203.0.113.0/24", "203.0.113.77/32")]
    [InlineData("2001:db8::1/128", "2001:db8::/64")]
    [InlineData("203.0.113.10/32", "0.0.0.0/0")]
    public void What_overlaps_protected_infrastructure_is_never_touched(string target, string infrastructure)
    {
        var rails = Rails with { ProtectedInfrastructure = [IPNetwork.Parse(infrastructure)] };
        var diversion = new CountermeasureSpec(CountermeasureKind.Diversion, IPNetwork.Parse(target));
        Assert.Equal("target-is-infrastructure", rails.RefusalOf(diversion, Contract, "DP00000001")?.Code);
    }

    [Theory]
    [InlineData("203.0.113.10/32", "rule-elsewhere", "203.0.113.11/32")]
    [InlineData("203.0.113.10/32", "rule-elsewhere", "203.0.113.0/24")]
    [InlineData("203.0.113.10/32", "rule-elsewhere", "0.0.0.0/0")]
    [InlineData("203.0.113.10/32", "rule-elsewhere", "198.51.100.1/32")]
    public void A_rule_cannot_reach_past_the_prefix_it_was_allowed_for(string prefix, string code, string destination) => Assert.Equal(
        code,
        Rails.RefusalOf(
            new CountermeasureSpec(
                CountermeasureKind.FlowSpec, IPNetwork.Parse(prefix), Ntp with { Destination = IPNetwork.Parse(destination) }),
            Contract,
            "DP00000001")?.Code);

    [Fact]
    public void A_rule_that_says_nothing_about_the_packets_is_a_hidden_blackhole_and_is_refused() =>
        Assert.Equal("rule-too-broad", Refusal(new TrafficRule(Ntp.Destination, TrafficAction.Discard)));

    [Theory]
    [InlineData("203.0.113.10/32", "0.0.0.0/1", null)] // with its other half it would be everybody
    [InlineData("203.0.113.10/32", "128.0.0.0/7", null)]
    [InlineData("2001:db8::10/128", "2000::/3", null)]
    [InlineData("203.0.113.10/32", null, "0-65535")]
    [InlineData("203.0.113.10/32", null, "40-1500")]
    public void A_source_of_half_the_internet_and_lengths_that_all_packets_have_say_nothing_either(string prefix, string? source, string? lengths)
    {
        var rule = new TrafficRule(
            IPNetwork.Parse(prefix),
            TrafficAction.Discard,
            source is null ? null : IPNetwork.Parse(source),
            PacketLength: lengths?.Split('-') is [var from, var to] ? new NumberRange(int.Parse(from), int.Parse(to)) : null);
        Assert.Equal("rule-too-broad", At(rule));
        Assert.Equal("rule-too-broad", At(rule with { Action = TrafficAction.Accept })); // it would let the attack through before any other rule
        Assert.Null(At(rule with { Protocol = 17 })); // so narrowed it says something

        static string? At(TrafficRule rule) => Rails.RefusalOf(
            new CountermeasureSpec(CountermeasureKind.FlowSpec, rule.Destination, rule), Contract, "DP00000001")?.Code;
    }

    [Theory]
    [InlineData("203.0.113.10/32", "198.16.0.0/12", null)]
    [InlineData("203.0.113.10/32", "198.0.0.0/11", "rule-too-broad")] // wider than an allow-list may be
    [InlineData("2001:db8::10/128", "2001:db0::/28", null)]
    [InlineData("2001:db8::10/128", "2001::/16", "rule-too-broad")]
    public void Whom_a_rule_lets_through_is_no_wider_than_an_allow_list_unless_it_tells_packets_apart(string prefix, string source, string? code)
    {
        var accept = new TrafficRule(IPNetwork.Parse(prefix), TrafficAction.Accept, IPNetwork.Parse(source));
        Assert.Equal(code, At(accept));
        Assert.Null(At(accept with { Protocol = 17, SourcePort = NumberRange.Of(53) }));

        static string? At(TrafficRule rule) => Rails.RefusalOf(
            new CountermeasureSpec(CountermeasureKind.FlowSpec, rule.Destination, rule), Contract, "DP00000001")?.Code;
    }

    [Theory]
    [InlineData("198.51.100.0/24", "198.51.100.7/32")]
    [InlineData("198.51.100.7/32", "198.51.100.0/24")]
    public void No_rule_names_an_allowed_source_or_what_holds_it(string allowed, string source)
    {
        var rails = Rails with { AllowedSources = [IPNetwork.Parse(allowed)] };
        var rule = Ntp with { Source = IPNetwork.Parse(source) };
        Assert.Equal("source-allow-listed", RefusalBy(rails, rule));
        Assert.Null(RefusalBy(rails, rule with { Action = TrafficAction.Accept }));
    }

    [Theory]
    [InlineData("0.0.0.0/0")]
    [InlineData("2001:db8::/64")]
    public void A_source_of_everything_or_of_another_family_is_refused(string source) =>
        Assert.Equal("rule-malformed", Refusal(Ntp with { Source = IPNetwork.Parse(source) }));

    [Fact]
    public void Rules_that_cannot_be_are_refused()
    {
        Assert.Equal("rule-malformed", Refusal(Ntp with { Protocol = null }));
        Assert.Equal("rule-malformed", Refusal(Ntp with { Protocol = 1 }));
        Assert.Equal("rule-malformed", Refusal(Ntp with { SourcePort = new(65_536, 65_536) }));
        Assert.Equal("rule-malformed", Refusal(Ntp with { DestinationPort = new(10, 9) }));
        Assert.Equal("rule-malformed", Refusal(Ntp with { PacketLength = new(-1, 9) }));
        Assert.Equal("rule-malformed", Refusal(Ntp with { TcpFlagsSet = 2 }));
        Assert.Equal("rule-malformed", Refusal(Ntp with { Action = TrafficAction.RateLimit }));
        Assert.Equal("rule-malformed", Refusal(Ntp with { Action = TrafficAction.RateLimit, BytesPerSecond = 0 }));
        Assert.Equal("rule-malformed", Refusal(Ntp with { Action = TrafficAction.Redirect }));
        Assert.Equal("rule-malformed", Refusal(Ntp with { Action = TrafficAction.Redirect, RedirectTo = "here" }));
    }

    [Theory]
    [InlineData("010.0.113.10/32")] // octal to the parser
    [InlineData("1/32")]
    [InlineData("203.0.113.10")]
    [InlineData("203.0.113.1/24")] // host bits
    [InlineData("::ffff:203.0.113.10/128")]
    [InlineData("::ffff:cb00:710a/128")]
    [InlineData("fe80::1%1/128")]
    [InlineData("203.0.113.10/32 ")]
    public void What_a_parser_would_take_for_something_else_is_no_target(string text)
    {
        var everything = new ContractScope([IPNetwork.Parse("0.0.0.0/0"), IPNetwork.Parse("::/0")], Ended: false);
        Assert.Equal("target-malformed", Rails.RefusalOfTarget(text, everything, "DP00000001")?.Code);
    }

    [Fact]
    public void A_rule_that_lets_through_cannot_be_nonsense_either_because_a_kernel_that_refuses_one_rule_refuses_all()
    {
        var accept = new TrafficRule(Ntp.Destination, TrafficAction.Accept);
        Assert.Equal("rule-too-broad", Refusal(accept)); // everybody
        Assert.Equal("rule-malformed", Refusal(accept with { SourcePort = NumberRange.Of(123) }));
        Assert.Equal("rule-malformed", Refusal(accept with { Protocol = 17, SourcePort = new(9, 70_000) }));
        Assert.Equal("rule-malformed", Refusal(accept with { TcpFlagsSet = 2 }));
        Assert.Equal("rule-malformed", Refusal(accept with { Protocol = 6, TcpFlagsSet = 2, TcpFlagsClear = 2 }));
        Assert.Equal("rule-malformed", Refusal(Ntp with { Action = TrafficAction.RateLimit, BytesPerSecond = long.MaxValue }));
        Assert.Equal("rule-malformed", Refusal(Ntp with { Action = TrafficAction.RateLimit, BytesPerSecond = 1000, PerSource = true }));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void A_filter_without_a_rule_and_one_that_redirects_in_a_scrubber_are_refused(int kind)
    {
        var spec = new CountermeasureSpec((CountermeasureKind)kind, Ntp.Destination);
        Assert.Equal("rule-malformed", Rails.RefusalOf(spec, Contract, "DP00000001")?.Code);
        var redirected = spec with { Kind = CountermeasureKind.Scrubbing, Rule = Ntp with { Action = TrafficAction.Redirect, RedirectTo = "64500:1" } };
        Assert.Equal("rule-malformed", Rails.RefusalOf(redirected, Contract, "DP00000001")?.Code);
    }

    [Fact]
    public void A_source_in_the_clothes_of_another_family_slips_past_no_allow_list()
    {
        var rule = new TrafficRule(
            IPNetwork.Parse("2001:db8::10/128"), TrafficAction.Discard, Source: IPNetwork.Parse("::ffff:198.51.100.7/128"), Protocol: 17);
        var spec = new CountermeasureSpec(CountermeasureKind.FlowSpec, rule.Destination, rule);
        Assert.Equal("rule-malformed", Rails.RefusalOf(spec, Contract, "DP00000001")?.Code);
    }

    [Fact]
    public void A_syn_proxy_is_for_connection_attempts_at_scrubbers_that_can_and_for_nothing_else()
    {
        var proxy = new TrafficRule(
            Ntp.Destination, TrafficAction.SynProxy, Protocol: 6, TcpFlagsSet: 2, TcpFlagsClear: 16, BytesPerSecond: 3_000);
        Assert.Null(At(CountermeasureKind.Scrubbing, proxy));
        Assert.Equal("rule-malformed", At(CountermeasureKind.FlowSpec, proxy)); // routers would discard
        Assert.Equal("rule-malformed", At(CountermeasureKind.Scrubbing, proxy with { Protocol = 17 }));
        Assert.Equal("rule-malformed", At(CountermeasureKind.Scrubbing, proxy with { TcpFlagsClear = 0 }));
        Assert.Equal("rule-malformed", At(CountermeasureKind.Scrubbing, proxy with { BytesPerSecond = null }));

        var start = new StartByHand(
            Scope, [new(CountermeasureKind.Scrubbing, proxy.Destination, proxy)], Known, TimeSpan.FromHours(1), "flood", Noon);
        With().When(state => MitigationDecider.Decide(state, start)).ThenRejected("no-syn-proxy"); // answers would pass nobody

        static string? At(CountermeasureKind kind, TrafficRule rule) =>
            Rails.RefusalOf(new CountermeasureSpec(kind, rule.Destination, rule), Contract, "DP00000001")?.Code;
    }

    [Fact]
    public void The_last_gate_before_the_network_asks_where_the_rule_points_too()
    {
        var spec = new CountermeasureSpec(CountermeasureKind.FlowSpec, Ntp.Destination, Ntp);
        Assert.True(SafetyRails.WithinHardLimits(spec));
        Assert.False(SafetyRails.WithinHardLimits(spec with { Rule = Ntp with { Destination = IPNetwork.Parse("0.0.0.0/0") } }));
    }

    [Fact]
    public void The_last_gate_before_the_network_asks_for_infrastructure_and_the_tenants_own_width_too()
    {
        var diversion = new CountermeasureSpec(CountermeasureKind.Diversion, IPNetwork.Parse("203.0.113.0/25"));
        Assert.True(Rails.LetsOut(diversion));
        Assert.False((Rails with { WidestIPv4 = 32 }).LetsOut(diversion));
        Assert.False((Rails with { ProtectedInfrastructure = [IPNetwork.Parse("203.0.113.77/32")] }).LetsOut(diversion));
        Assert.False(Rails.LetsOut(diversion with { Kind = CountermeasureKind.Blackhole }));
        Assert.False((Rails with { WidestIPv4 = 0 }).LetsOut(diversion with { Prefix = IPNetwork.Parse("203.0.112.0/23") }));
        Assert.False(Rails.LetsOut(new(CountermeasureKind.FlowSpec, Ntp.Destination, Ntp with { Destination = IPNetwork.Parse("0.0.0.0/0") })));
    }

    [Theory]
    [InlineData("0.0.0.0/0", false)]
    [InlineData("128.0.0.0/1", false)]
    [InlineData("104.0.0.0/11", false)]
    [InlineData("104.16.0.0/12", true)]
    [InlineData("198.51.100.0/24", true)]
    [InlineData("::/0", false)]
    [InlineData("2000::/3", false)]
    [InlineData("2001:d00::/27", false)]
    [InlineData("2001:d00::/28", true)]
    [InlineData("::ffff:198.51.100.0/120", false)]
    public void An_allow_list_that_would_let_nearly_everybody_through_is_refused_in_policies_and_settings(string source, bool passes)
    {
        var policy = Policy with { AllowedSources = [IPNetwork.Parse(source)] };
        var set = new SetDefensePolicy(AnomalyId, "DP00000001", policy, "as agreed", Noon);
        var decision = DefensePolicyDecider.Decide(DefensePolicyState.Stream.Initial, set);
        Assert.Equal(
            passes ? null : "policy-allowed-source-too-wide", (decision as EventStore.Decision<DefensePolicyEvent>.Rejected)?.Reason.Code);
        var settings = new MitigationOptions { AllowedSources = [source] };
        Assert.Equal(passes, !settings.Validate(new(settings)).Any());
    }

    [Theory]
    [InlineData("192.0.2.53/24")] // host bits
    [InlineData("192.0.2.010/32")] // octal
    [InlineData("[2001:db8::53]/128")]
    [InlineData("192.0.2.53")]
    public void A_list_in_the_settings_that_a_parser_would_take_for_something_else_starts_no_service(string text)
    {
        foreach (var settings in (MitigationOptions[])[new() { AllowedSources = [text] }, new() { ProtectedInfrastructure = [text] }])
        {
            Assert.Equal($"= '{text}': must be a prefix in CIDR notation without host bits.", Assert.Single(settings.Validate(new(settings))).ErrorMessage);
        }
    }

    [Fact]
    public void Whom_installation_and_policy_allow_is_let_through_once()
    {
        var settings = new MitigationOptions { AllowedSources = ["198.51.100.0/24", "192.0.2.53/32"] };
        Assert.Equal(
            ["192.0.2.53/32", "198.51.100.0/24", "2001:db8:f::/48"],
            settings.AllAllowed([IPNetwork.Parse("198.51.100.7/32"), IPNetwork.Parse("192.0.2.53/32"), IPNetwork.Parse("2001:db8:f::/48")])
                .Select(it => it.ToString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void While_the_kill_switch_is_engaged_nothing_passes() => Assert.Equal(
        "kill-switch-engaged", RefusalBy(Rails with { KillSwitchEngaged = true }, Ntp));

    [Fact]
    public void An_engaged_kill_switch_refuses_a_new_attack_and_the_refusal_is_recorded()
    {
        var command = Start("203.0.113.10/32", Known with { Rails = Rails with { KillSwitchEngaged = true } });
        var decision = MitigationDecider.Decide(MitigationState.Stream.Initial, command);
        var events = Assert.IsType<EventStore.Decision<MitigationEvent>.Accepted>(decision).Events;
        Assert.Equal("kill-switch-engaged", Assert.IsType<MitigationFailed>(Assert.Single(events)).Code);
    }

    [Fact]
    public void Whatever_is_thrown_at_the_rails_nothing_outside_own_prefixes_and_limits_passes()
    {
        var random = new Random(20261121); // seeded: a failure repeats
        var own = IPNetwork.Parse("203.0.113.0/24");
        for (var attempt = 0; attempt < 20_000; attempt++)
        {
            var length = random.Next(0, 33);
            var bytes = new byte[4];
            random.NextBytes(bytes);
            if (random.Next(2) == 0)
            {
                (bytes[0], bytes[1], bytes[2]) = (203, 0, 113);
            }

            var address = BitConverter.ToUInt32([.. bytes.Reverse()]) & (length == 0 ? 0 : uint.MaxValue << (32 - length));
            var prefix = new IPNetwork(new IPAddress(BitConverter.GetBytes(address).Reverse().ToArray()), length);
            var kind = (CountermeasureKind)random.Next(1, 5);
            if (Rails.RefusalOf(new CountermeasureSpec(kind, prefix), new ContractScope([own], Ended: false), "DP00000001") is null)
            {
                Assert.True(own.Contains(prefix.BaseAddress) && prefix.PrefixLength >= 24, $"{kind} {prefix}");
                Assert.True(kind is not CountermeasureKind.Blackhole || prefix.PrefixLength == 32, $"{kind} {prefix}");
            }
        }
    }

    private static string? Refusal(TrafficRule rule) => RefusalBy(Rails, rule);

    private static string? RefusalBy(SafetyRails rails, TrafficRule rule) => rails.RefusalOf(
        new CountermeasureSpec(CountermeasureKind.FlowSpec, IPNetwork.Parse("203.0.113.10/32"), rule), Contract, "DP00000001")?.Code;
}
