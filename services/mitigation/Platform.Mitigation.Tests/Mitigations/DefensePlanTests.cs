using System.Net;
using Platform.Contracts.Detection.V1;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Mitigations;
using static Platform.Mitigation.Tests.Mitigations.AMitigation;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests.Mitigations;

public sealed class DefensePlanTests
{
    private static readonly VectorEvidence Ntp = new("ntp", 80_000_000, 20_000, 1_000_000, null);
    private static readonly VectorEvidence Udp = new("udp", 90_000_000, 30_000, 10_000_000, 10_000);

    [Theory]
    [InlineData("ntp", "to 203.0.113.10/32 udp source-port 123 discard")]
    [InlineData("memcached", "to 203.0.113.10/32 udp source-port 11211 discard")]
    [InlineData("fragment", "to 203.0.113.10/32 fragment discard")]
    [InlineData("tcp-null", "to 203.0.113.10/32 tcp not-flags FSRPA discard")]
    public void A_narrow_vector_is_discarded_by_what_tells_it_apart(string vector, string rule) =>
        Assert.Equal([rule], Rules(DefenseStepKind.FlowSpecDiscard, Ntp with { Vector = vector }));

    [Fact]
    public void Flags_that_no_stack_sends_are_discarded_each_kind_by_itself_whatever_ports_and_lengths_they_have()
    {
        var seen = Ntp with { Vector = "tcp-invalid", DestinationPort = NumberRange.Of(443), PacketLength = new(40, 40) };
        string[] rules =
        [
            "to 203.0.113.10/32 tcp flags F not-flags A discard",
            "to 203.0.113.10/32 tcp not-flags FSRA discard",
            "to 203.0.113.10/32 tcp flags FSA discard",
            "to 203.0.113.10/32 tcp flags SR not-flags F discard",
        ];
        Assert.Equal(rules, Rules(DefenseStepKind.FlowSpecDiscard, seen));
        var scrubbing = Policy with { Steps = [new(DefenseStepKind.Scrubbing, TimeSpan.FromSeconds(1))] };
        Assert.Equal(rules, Plan(scrubbing, [seen], WithFlowSpec with { Scrubbing = true })!.Specs.Where(spec => spec.Rule is not null).Select(spec => $"{spec.Rule}"));
        Assert.Equal(["tcp-invalid"], DefensePlan.Answered(Target, [seen]));
    }

    /// <summary>Every set of flags is of one of the rules for what ingestion calls invalid of one packet, and of no other.</summary>
    [Fact]
    public void No_rule_against_invalid_flags_matches_what_a_stack_sends()
    {
        var rules = VectorMatches.For("tcp-invalid", Target, isIPv4: true);
        foreach (var flags in Enumerable.Range(1, 0x3F))
        {
            var (fin, syn, rst, ack) = ((flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0, (flags & 16) != 0);
            var isInvalid = (fin && !ack) || (!syn && !rst && !ack) || (syn && (fin || rst));
            Assert.Equal(isInvalid ? 1 : 0, rules.Count(rule => (flags & rule.TcpFlagsSet) == rule.TcpFlagsSet && (flags & rule.TcpFlagsClear) == 0));
        }
    }

    [Theory]
    [InlineData("udp", "to 203.0.113.10/32 udp rate-limit 1250000 bytes/s")]
    [InlineData("icmp", "to 203.0.113.10/32 icmp rate-limit 1250000 bytes/s")]
    [InlineData("tcp-syn", "to 203.0.113.10/32 tcp flags S not-flags A rate-limit 1250000 bytes/s")]
    [InlineData("tcp-syn-ack", "to 203.0.113.10/32 tcp flags SA rate-limit 1250000 bytes/s")] // answers to the customer's own connections
    [InlineData("gre", "to 203.0.113.10/32 gre rate-limit 1250000 bytes/s")] // tunnels
    [InlineData("l2tp", "to 203.0.113.10/32 udp source-port 1701 rate-limit 1250000 bytes/s")] // tunnels
    public void A_broad_vector_is_limited_to_its_threshold_because_honest_traffic_is_in_it(string vector, string rule) =>
        Assert.Equal([rule], Rules(DefenseStepKind.FlowSpecDiscard, Udp with { Vector = vector }));

    [Fact]
    public void An_address_of_a_family_that_no_speaker_diverts_is_not_led_to_the_scrubber_of_the_other()
    {
        var means = WithFlowSpec with { Scrubbing = true, Diverted = Families.IPv4 };
        var policy = Policy with { Steps = [new(DefenseStepKind.Scrubbing, TimeSpan.FromSeconds(1)), new(DefenseStepKind.Blackhole, TimeSpan.FromSeconds(1))] };
        Assert.Equal(0, DefensePlan.Next(IPNetwork.Parse("203.0.113.10/32"), [Ntp], policy, means, from: 0)!.Index);
        Assert.Equal(1, DefensePlan.Next(IPNetwork.Parse("2001:db8::10/128"), [Ntp], policy, means, from: 0)!.Index);

        var byHand = new StartByHand(
            Scope, [new(CountermeasureKind.Diversion, IPNetwork.Parse("2001:db8::/64"))], Known with { Means = means }, TimeSpan.FromHours(1), "test", Noon);
        With().When(state => MitigationDecider.Decide(state, byHand)).ThenRejected("nothing-diverts");
    }

    [Fact]
    public void Of_two_rules_for_the_same_packets_the_later_decision_stands_whatever_they_are_called_and_a_blackhole_before_all()
    {
        var rule = new TrafficRule(Target, TrafficAction.RateLimit, Protocol: 17, BytesPerSecond: 1_000);
        var (limit, discard) = (new CountermeasureSpec(CountermeasureKind.FlowSpec, Target, rule),
            new CountermeasureSpec(CountermeasureKind.FlowSpec, Target, rule with { Action = TrafficAction.Discard, BytesPerSecond = null }));
        var blackhole = new CountermeasureSpec(CountermeasureKind.Blackhole, Target);
        foreach (var (first, last) in ((Guid, Guid)[])[(Id(1), Id(2)), (Id(2), Id(1))])
        {
            Assert.Equal([limit, discard], Order(Wanted(last, discard, 1), Wanted(first, limit, 0)));
            Assert.Equal([discard, limit], Order(Wanted(last, discard, 0), Wanted(first, limit, 1)));
            Assert.Equal([limit, discard], Order(Wanted(last, discard, 0), Wanted(first, limit, 0))); // of one decision the stronger
            Assert.Equal([discard, blackhole], Order(Wanted(last, blackhole, 0), Wanted(first, discard, 1)));
        }

        static Guid Id(int number) => new(number, 0, 0, new byte[8]);
        static WantedCountermeasure Wanted(Guid id, CountermeasureSpec spec, int minute) =>
            new(Guid.Empty, Guid.Empty, id, spec, [], Noon + MaximumDuration, Withdrawing: false, Noon.AddMinutes(minute));
        static IEnumerable<CountermeasureSpec> Order(params WantedCountermeasure[] wanted) => WantedCountermeasure.InOrder(wanted).Select(it => it.Spec);
    }

    [Fact]
    public void A_threshold_in_packets_becomes_bytes_by_the_size_of_what_was_seen() => Assert.Equal(
        ["to 203.0.113.10/32 tcp flags S not-flags A rate-limit 128000 bytes/s"],
        Rules(DefenseStepKind.FlowSpecDiscard, new VectorEvidence("tcp-syn", 51_200_000, 100_000, null, 2_000)));

    [Fact]
    public void A_flood_of_short_packets_that_is_below_its_bits_is_limited_by_its_packets() => Assert.Equal(
        ["to 203.0.113.10/32 udp rate-limit 8000000 bytes/s"], // 125,000 of 64 bytes
        Rules(DefenseStepKind.FlowSpecDiscard, new VectorEvidence("udp", 358_400_000, 700_000, 500_000_000, 125_000)));

    [Fact]
    public void A_little_of_a_narrow_vector_leaves_no_flood_around_it_without_a_rule()
    {
        string[] both = ["to 203.0.113.10/32 udp rate-limit 1250000 bytes/s", "to 203.0.113.10/32 udp source-port 123 discard"];
        var little = Ntp with { BitsPerSecond = 6_000_000, PacketsPerSecond = 1_500 };
        Assert.Equal(both, Rules(DefenseStepKind.FlowSpecDiscard, Udp with { BitsPerSecond = 1_000_000_000, PacketsPerSecond = 90_000 }, little));
        Assert.Equal( // the rest is allowed in bits, and not in packets
            ["to 203.0.113.10/32 udp rate-limit 1125000 bytes/s", "to 203.0.113.10/32 udp source-port 123 discard"],
            Rules(DefenseStepKind.FlowSpecDiscard, Udp with { PacketsPerSecond = 100_000 }, Ntp));
        Assert.Equal( // first fragments are none, and fragments are of any protocol
            ["to 203.0.113.10/32 udp rate-limit 1250000 bytes/s", "to 203.0.113.10/32 fragment discard"],
            Rules(DefenseStepKind.FlowSpecDiscard, Udp, Ntp with { Vector = "fragment" }));
    }

    [Fact]
    public void Where_a_narrow_vector_explains_the_broad_one_around_it_that_is_left_alone() => Assert.Equal(
        ["to 203.0.113.10/32 udp source-port 123 discard"], Rules(DefenseStepKind.FlowSpecDiscard, Udp, Ntp));

    [Fact]
    public void A_broad_vector_that_no_narrow_one_explains_is_limited_beside_it() => Assert.Equal(
        ["to 203.0.113.10/32 udp source-port 123 discard", "to 203.0.113.10/32 tcp flags S not-flags A rate-limit 1250000 bytes/s"],
        Rules(DefenseStepKind.FlowSpecDiscard, Udp, Ntp, Udp with { Vector = "tcp-syn" }));

    [Fact]
    public void An_allowed_source_passes_before_any_rule_discards()
    {
        var policy = Policy with { AllowedSources = [IPNetwork.Parse("198.51.100.0/24"), IPNetwork.Parse("2001:db8:f::/48")] };
        Assert.Equal(
            ["to 203.0.113.10/32 from 198.51.100.0/24 accept", "to 203.0.113.10/32 udp source-port 123 discard"],
            Plan(policy, [Ntp])!.Specs.Select(spec => spec.Rule!.ToString()));
    }

    [Fact]
    public void A_broad_vector_with_one_shape_is_limited_in_routers_by_that_shape_and_whole_at_scrubbers()
    {
        var seen = new VectorRate
        {
            Vector = "udp", BitsPerSecond = 80_000_000, PacketsPerSecond = 20_000, ThresholdBitsPerSecond = 8_000_000,
        };
        var evidence = Evidence.Of([seen], Explained("udp", ports: 0.97, lengths: 0.99));
        Assert.Equal(
            "to 203.0.113.10/32 udp destination-port 27015 length 513-1024 rate-limit 1000000 bytes/s",
            Assert.Single(Plan(DefenseStepKind.FlowSpecRateLimit)).Rule!.ToString());
        Assert.Contains(Plan(DefenseStepKind.Scrubbing), it => it.Rule?.ToString() == "to 203.0.113.10/32 udp rate-limit 1000000 bytes/s");

        evidence = Evidence.Of([seen], Explained("udp", ports: 0.9, lengths: 0.9)); // what is left would still be an attack
        Assert.Equal("to 203.0.113.10/32 udp rate-limit 1000000 bytes/s", Assert.Single(Plan(DefenseStepKind.FlowSpecRateLimit)).Rule!.ToString());
        evidence = Evidence.Of([seen], Explained("icmp", ports: 1, lengths: 1)); // said of another vector
        Assert.Equal("to 203.0.113.10/32 udp rate-limit 1000000 bytes/s", Assert.Single(Plan(DefenseStepKind.FlowSpecRateLimit)).Rule!.ToString());

        IReadOnlyList<CountermeasureSpec> Plan(DefenseStepKind step) => DefensePlan.Next(
            Target,
            evidence,
            new DefensePolicy([new DefenseStep(step, TimeSpan.FromSeconds(10))], EnforcementMode.Automatic, []),
            WithFlowSpec with { Scrubbing = true },
            from: 0)!.Specs;
    }

    [Fact]
    public void A_narrow_vector_of_one_length_is_discarded_whole_in_routers_and_at_scrubbers_by_that_length_and_the_rest_is_limited()
    {
        var seen = new VectorRate { Vector = "ntp", BitsPerSecond = 80_000_000, PacketsPerSecond = 20_000, ThresholdBitsPerSecond = 8_000_000 };
        var evidence = Evidence.Of([seen], Explained("ntp", ports: 0.3, lengths: 0.99));
        Assert.Equal(
            ["to 203.0.113.10/32 udp source-port 123 discard"], Rules(DefenseStepKind.FlowSpecDiscard, [.. evidence]));
        Assert.Equal(
            [
                "to 203.0.113.10/32 udp source-port 123 rate-limit 125000 bytes/s per source",
                "to 203.0.113.10/32 udp source-port 123 length 513-1024 discard",
                "to 203.0.113.10/32 udp source-port 123 rate-limit 1000000 bytes/s",
            ],
            Plan(Policy with { Steps = [new(DefenseStepKind.Scrubbing, TimeSpan.FromSeconds(1))] }, [.. evidence], WithFlowSpec with { Scrubbing = true })!
                .Specs.Where(spec => spec.Rule is not null).Select(spec => spec.Rule!.ToString()));
    }

    [Fact]
    public void An_amplifier_that_has_no_vector_of_its_own_is_limited_by_the_port_that_nearly_all_of_it_comes_from()
    {
        var seen = new VectorRate { Vector = "other-amplification", BitsPerSecond = 80_000_000, PacketsPerSecond = 20_000, ThresholdBitsPerSecond = 8_000_000 };
        var told = Explained("other-amplification", ports: 0.3, lengths: 0.3);
        Assert.Equal(
            ["to 203.0.113.10/32 udp source-port 5683 rate-limit 1000000 bytes/s"], // a tunnel or a call has its port as well
            Rules(DefenseStepKind.FlowSpecDiscard, [.. Evidence.Of([seen], told with { SourcePorts = [new TrafficShare { Value = "5683", Share = 0.98 }] })]));
        Assert.Equal( // no port says which: the whole of UDP is limited to what it may have
            ["to 203.0.113.10/32 udp rate-limit 1250000 bytes/s"], Rules(DefenseStepKind.FlowSpecDiscard, [.. Evidence.Of([seen], told), Udp]));
    }

    [Fact]
    public void A_threshold_in_flows_becomes_bytes_by_what_was_seen_and_none_at_all_lets_half_of_it_or_the_usual_through()
    {
        var seen = new VectorRate { Vector = "udp", BitsPerSecond = 80_000_000, PacketsPerSecond = 20_000, FlowsPerSecond = 10_000, ThresholdFlowsPerSecond = 2_000 };
        Assert.Equal(Severity.High, DefensePlan.SeverityOf(Evidence.Of([seen])));
        Assert.Equal(["to 203.0.113.10/32 udp rate-limit 2000000 bytes/s"], Limits(seen));
        Assert.Equal(["to 203.0.113.10/32 udp rate-limit 3000000 bytes/s"], Limits(seen with { BaselineBitsPerSecond = 24_000_000 }));
        Assert.Equal(["to 203.0.113.10/32 udp rate-limit 5000000 bytes/s"], Limits(seen with { ThresholdFlowsPerSecond = null }));

        static IEnumerable<string> Limits(VectorRate rate) => Rules(DefenseStepKind.FlowSpecDiscard, [.. Evidence.Of([rate])]);
    }

    [Fact]
    public void By_default_only_a_grave_attack_is_answered_with_a_blackhole_and_below_that_it_is_a_choice()
    {
        var total = Ntp with { Vector = "total", BitsPerSecond = 4_900_000 };
        var standard = new MitigationOptions().DefaultPolicy;
        Assert.Null(DefensePlan.Next(Target, [total], standard, WithFlowSpec, from: 0));
        Assert.Equal(2, DefensePlan.Next(Target, [total with { BitsPerSecond = 5_000_000 }], standard, WithFlowSpec, from: 0)!.Index);
        Assert.Equal(2, DefensePlan.Next(
            Target, [total], new MitigationOptions { BlackholeFrom = Severity.Medium }.DefaultPolicy, WithFlowSpec, from: 0)!.Index);
    }

    [Fact]
    public void A_blackhole_of_a_policy_that_names_no_severity_is_for_grave_attacks_and_one_for_mild_ones_says_so()
    {
        var (policy, _) = WireWords.Read(new Wire.DefensePolicy
        {
            Mode = "automatic",
            Steps = { new Wire.DefenseStep { Kind = "flowspec-discard" }, new Wire.DefenseStep { Kind = "blackhole" }, new Wire.DefenseStep { Kind = "blackhole", FromSeverity = "low" } },
        });
        Assert.Equal([Severity.Low, Severity.High, Severity.Low], policy!.Steps.Select(step => step.FromSeverity));
    }

    private static AnomalyExplanation Explained(string vector, double ports, double lengths) => new()
    {
        Sentence = "",
        Rule = "learned",
        Vector = vector,
        Unit = "bits",
        Measured = 1,
        Threshold = 1,
        DestinationPorts = [new TrafficShare { Value = "27015", Share = ports }],
        PacketLengths = [new TrafficShare { Value = "1024", Share = lengths }],
    };

    [Fact]
    public void IPv6_has_its_own_icmp() => Assert.Equal(
        "to 2001:db8::1/128 icmp6 rate-limit 1250000 bytes/s",
        DefensePlan.Next(
            IPNetwork.Parse("2001:db8::1/128"), [Udp with { Vector = "icmp" }], Policy, WithFlowSpec, from: 0)!.Specs.Single().Rule!.ToString());

    [Fact]
    public void Redirection_names_the_route_target_of_the_installation() => Assert.Equal(
        ["to 203.0.113.10/32 udp source-port 123 redirect 64500:100"], Rules(DefenseStepKind.FlowSpecRedirect, Ntp));

    [Theory]
    [InlineData(0.99, "to 203.0.113.10/32 protocol 50 rate-limit 125000 bytes/s")]
    [InlineData(0.90, null)] // of many: nothing that a filter could tell apart
    public void A_flood_of_a_protocol_without_a_vector_of_its_own_is_limited_by_what_the_evidence_says_it_is(double share, string? rule)
    {
        var evidence = Evidence.Of(
            [new VectorRate { Vector = "other", BitsPerSecond = 80_000_000, PacketsPerSecond = 10_000, ThresholdBitsPerSecond = 1_000_000 }],
            Explained("other", ports: 0.1, lengths: 0.1) with { Protocols = [new TrafficShare { Value = "50", Share = share }] });
        var plan = Plan(Policy with { Steps = [new DefenseStep(DefenseStepKind.FlowSpecDiscard, TimeSpan.FromSeconds(1))] }, [.. evidence]);
        Assert.Equal(rule, plan?.Specs.Single().Rule!.ToString());
    }

    [Theory]
    [InlineData("total")]
    [InlineData("other")]
    [InlineData("a-vector-of-next-year")]
    public void Evidence_that_no_filter_can_tell_apart_leads_to_the_blackhole_of_the_host(string vector) => Assert.Equal(
        new CountermeasureSpec(CountermeasureKind.Blackhole, Target), Assert.Single(Plan(Policy, [Ntp with { Vector = vector }])!.Specs));

    [Fact]
    public void A_network_without_FlowSpec_passes_its_steps_over() =>
        Assert.Equal(2, DefensePlan.Next(Target, [Ntp], Policy, Blackholes, from: 0)!.Index);

    [Fact]
    public void A_prefix_that_is_no_host_is_never_blackholed() => Assert.Null(
        DefensePlan.Next(IPNetwork.Parse("203.0.113.0/24"), [Ntp with { Vector = "total" }], Policy, WithFlowSpec, from: 0));

    [Theory]
    [InlineData(1.5, Severity.Low)]
    [InlineData(2, Severity.Medium)]
    [InlineData(5, Severity.High)]
    [InlineData(20, Severity.Critical)]
    public void Severity_follows_the_greatest_excess(double excess, object severity) => Assert.Equal(
        severity, DefensePlan.SeverityOf([Ntp with { BitsPerSecond = (long)(excess * 1_000_000) }, new("dns", 1, 1, 100, null)]));

    [Fact]
    public void A_step_for_graver_attacks_is_passed_over()
    {
        var policy = Policy with
        {
            Steps =
            [
                new DefenseStep(DefenseStepKind.Blackhole, TimeSpan.FromSeconds(1), Severity.Critical),
                new DefenseStep(DefenseStepKind.FlowSpecDiscard, TimeSpan.FromSeconds(1)),
            ],
        };
        Assert.Equal(1, Plan(policy, [Ntp with { BitsPerSecond = 3_000_000 }])!.Index);
        Assert.Equal(0, Plan(policy, [Ntp])!.Index);
    }

    private static PlannedStep? Plan(DefensePolicy policy, VectorEvidence[] evidence, NetworkMeans? means = null) =>
        DefensePlan.Next(Target, evidence, policy, means ?? WithFlowSpec, from: 0);

    private static IEnumerable<string> Rules(DefenseStepKind kind, params VectorEvidence[] evidence) =>
        Plan(Policy with { Steps = [new DefenseStep(kind, TimeSpan.FromSeconds(1))] }, evidence)!.Specs.Select(spec => spec.Rule!.ToString());
}
