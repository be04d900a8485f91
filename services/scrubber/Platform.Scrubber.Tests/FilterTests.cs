using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.Scrubber.Filters;
using Platform.Testing;
using static Platform.Scrubber.Tests.AScrubbedNetwork;

namespace Platform.Scrubber.Tests;

/// <summary>The agent between real packets: what is sent through it, what arrives, and what it says that it did.</summary>
[Trait("Requirement", "R8")]
public sealed class FilterTests(AScrubbedNetwork network) : IClassFixture<AScrubbedNetwork>, IAsyncLifetime
{
    private static readonly Rule Ntp = new() { Action = "discard", Protocol = 17, SourcePort = new() { From = 123, To = 123 } };
    private readonly AController _controller = new();
    private FilterKeeper? _agent;
    private NodeCommands? _node;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipWhen(network.WhyNot is not null, network.WhyNot ?? "");
        await _controller.Start();
        await StartAgent();
    }

    public async ValueTask DisposeAsync()
    {
        if (network.WhyNot is null)
        {
            _controller.Filters = [];
            await _controller.Stop();
            await _controller.Start();
            if (_agent is null)
            {
                await StartAgent();
            }

            await Eventually.True(async () => !(await network.Ruleset()).Contains("set f", StringComparison.Ordinal), what: "an empty table");
            await StopAgent();
        }

        await _controller.DisposeAsync();
    }

    [Fact]
    public async Task An_attack_is_dropped_the_legitimate_client_passes_the_neighbour_is_untouched_and_it_is_all_counted()
    {
        var (ntp, dns, neighbour) = (await network.Arrived("ntp"), await network.Arrived("dns"), await network.Arrived("neighbour"));
        var before = await network.Ping(Victim);
        await network.Udp(Victim, 123, 200);
        Assert.Equal(ntp + 200, await network.Arrived("ntp")); // without defence everything arrives

        var filter = AController.Filter($"{Victim}/32", Ntp);
        await Hold(filter);
        var attack = network.Udp(Victim, 123, 2000);
        var during = await network.Ping(Victim);
        await attack;
        await network.Udp(Victim, 53, 50, from: Client);
        await network.Udp(Neighbour, 123, 50);

        Assert.Equal(ntp + 200, await network.Arrived("ntp")); // not one more
        Assert.Equal(dns + 50, await network.Arrived("dns"));
        Assert.Equal(neighbour + 50, await network.Arrived("neighbour"));
        Assert.Equal(1.0, before.Success);
        Assert.Equal(1.0, during.Success);
        var counted = await Eventually.Get(
            () => _controller.Heard.Applied.Single(), seen => seen.DroppedPackets == 2000, what: "2000 dropped packets, as told");
        Assert.Equal(2000 * 428, counted.DroppedBytes); // IP packets: 20 + 8 + 400
        Assert.True(counted.PassedPackets >= 50 + 20, $"{counted.PassedPackets} passed");

        _controller.Filters = [];
        await Eventually.Get(() => _controller.Heard, seen => seen.Applied.Count == 0, what: "the end of the filter");
        await network.Udp(Victim, 123, 100);
        Assert.Equal(ntp + 300, await network.Arrived("ntp")); // recovery: everything passes again
    }

    [Fact]
    public async Task An_allowed_source_passes_whatever_the_other_filters_say()
    {
        var before = await network.Arrived("ntp");
        await Hold(
            AController.Filter($"{Victim}/32", Ntp),
            AController.Filter($"{Victim}/32", new Rule { Action = "accept", Source = $"{Client}/32" }));
        await network.Udp(Victim, 123, 50, from: Client);
        await network.Udp(Victim, 123, 50, from: Attacker);
        Assert.Equal(before + 50, await network.Arrived("ntp"));
    }

    [Fact]
    public async Task An_allowed_source_passes_the_proxy_untouched_and_connects_to_the_victim_itself()
    {
        await Eventually.Get(() => _controller.Token, token => token is not null, what: "the agent");
        Assert.SkipUnless(_controller.Heard.SynProxy, "This kernel has no nftables synproxy.");
        await Hold(
            AController.Filter($"{Victim}/32", SynProxy),
            AController.Filter($"{Victim}/32", new Rule { Action = "accept", Source = $"{Client}/32" }));
        var before = await network.Arrived("ack");
        await network.BareAck(Victim, 200, from: Client); // of connections that were open before, for all the proxy knows
        await network.BareAck(Victim, 200, from: Attacker);
        Assert.Equal(before + 200, await network.Arrived("ack"));
    }

    [Fact]
    public async Task A_limit_for_each_source_holds_the_loud_one_and_lets_the_quiet_one_pass()
    {
        var before = await network.Arrived("syn");
        await Hold(AController.Filter($"{Victim}/32", new Rule
        {
            Action = "rate-limit",
            Protocol = 6,
            TcpFlagsSet = 2,
            TcpFlagsClear = 16,
            BytesPerSecond = 1000,
            PerSource = true,
        }));
        await network.Syn(Victim, 2000, from: Attacker);
        var loud = await network.Arrived("syn") - before;
        Assert.InRange(loud, 1, 400); // 3,000 bytes at once, then 25 packets of 40 bytes a second
        await network.Syn(Victim, 5, from: Client);
        Assert.Equal(before + loud + 5, await network.Arrived("syn"));
    }

    [Fact]
    public async Task A_limit_for_all_together_lets_so_much_pass_and_drops_the_rest_whoever_sends_it()
    {
        var before = await network.Arrived("ntp");
        await Hold(AController.Filter($"{Victim}/32", new Rule
        {
            Action = "rate-limit",
            Protocol = 17,
            SourcePort = new() { From = 123, To = 123 },
            BytesPerSecond = 4_280, // ten of these packets a second
        }));
        await Task.WhenAll(network.Udp(Victim, 123, 1000, from: Attacker), network.Udp(Victim, 123, 1000, from: Client));
        var passed = await network.Arrived("ntp") - before;
        Assert.InRange(passed, 7, 300); // 3,000 bytes at once, then ten a second, however long the sending took
        var counted = await Eventually.Get(
            () => _controller.Heard.Applied.Single(), seen => seen.DroppedPackets + passed == 2000, what: "all 2000, dropped or passed, as told");
        Assert.True(counted.PassedPackets >= passed, $"{counted.PassedPackets} passed");
    }

    [Fact]
    public async Task A_length_class_is_dropped_and_what_is_shorter_passes()
    {
        var before = await network.Arrived("ntp");
        var rule = new Rule { Action = "discard", Protocol = 17, PacketLength = new() { From = 429, To = 1500 } };
        await Hold(AController.Filter($"{Victim}/32", rule));
        await network.Udp(Victim, 123, 20); // 428 bytes
        Assert.Equal(before + 20, await network.Arrived("ntp"));
        rule.PacketLength.From = 428;
        await Hold(AController.Filter($"{Victim}/32", rule));
        await network.Udp(Victim, 123, 20);
        Assert.Equal(before + 20, await network.Arrived("ntp"));
    }

    [Fact]
    public async Task What_is_only_counted_passes_and_what_other_filters_drop_of_it_is_not_counted_as_passed()
    {
        var (ntp, dns) = (await network.Arrived("ntp"), await network.Arrived("dns"));
        var diverted = AController.Filter("10.92.0.0/24", new Rule { Action = "count" });
        await Hold(diverted, AController.Filter($"{Victim}/32", Ntp));
        Assert.True(_controller.Heard.Counts);
        await network.Udp(Victim, 123, 50);
        await network.Udp(Victim, 53, 30, from: Client);
        Assert.Equal((ntp, dns + 30), (await network.Arrived("ntp"), await network.Arrived("dns")));
        await Eventually.Get(
            () => _controller.Heard.Applied.Single(it => it.FilterId == diverted.FilterId),
            seen => seen is { PassedPackets: >= 30 and < 50, DroppedPackets: 0 },
            what: "what passed, as told");
    }

    [Fact]
    public async Task IPv6_is_filtered_alike()
    {
        await network.Udp6(Victim6);
        Assert.Equal(20, await network.Arrived("udp6"));
        await Hold(AController.Filter($"{Victim6}/128", new Rule { Action = "discard", Protocol = 17, DestinationPort = new() { From = 1, To = 99 } }));
        await network.Udp6(Victim6);
        Assert.Equal(20, await network.Arrived("udp6"));
        await Eventually.Get(() => _controller.Heard.Applied.Single(), seen => seen.DroppedPackets == 20, what: "20 dropped packets, as told");
    }

    [Fact]
    public async Task While_the_controller_is_away_the_filters_go_on_and_end_by_themselves_when_it_stays_away()
    {
        _controller.LeaseSeconds = 3;
        var before = await network.Arrived("ntp");
        await Hold(AController.Filter($"{Victim}/32", Ntp));
        await _controller.Stop();
        await network.Udp(Victim, 123, 50);
        Assert.Equal(before, await network.Arrived("ntp"));

        await Eventually.True(
            async () =>
            {
                await network.Udp(Victim, 123, 1);
                return await network.Arrived("ntp") > before;
            },
            TimeSpan.FromSeconds(20),
            "the lease to run out");
    }

    [Fact]
    public async Task A_filter_whose_expiry_is_moved_on_in_its_last_seconds_goes_on_without_a_gap()
    {
        _controller.LeaseSeconds = 60; // by time it would be renewed after 20 seconds only
        var filter = AController.Filter($"{Victim}/32", Ntp, expiresInSeconds: 8);
        await Hold(filter);
        filter = filter.Clone();
        filter.ExpiresInSeconds = 3600;
        _controller.Filters = [filter];

        // Before the 8 seconds are over the kernel itself says that it goes on for nearly the whole lease.
        await Eventually.Get(
            async () => (await network.Ruleset()).Split("expires ")[1..].Select(it => it.Split(' ')[0]).ToList(),
            seen => seen is [['5', not 's', ..]],
            TimeSpan.FromSeconds(7),
            "a renewed life");
    }

    [Fact]
    public async Task An_agent_that_died_leaves_the_filters_and_takes_over_what_stands_when_it_is_back()
    {
        var before = await network.Arrived("ntp");
        await Hold(AController.Filter($"{Victim}/32", Ntp));
        await StopAgent();
        await network.Udp(Victim, 123, 50);
        Assert.Equal(before, await network.Arrived("ntp"));

        var heard = _controller.All.Count;
        await StartAgent();
        await Eventually.Get(
            () => _controller.Heard, seen => seen.Applied is [{ DroppedPackets: 50 }], what: "the filter with what it had counted");
        Assert.Equal(
            [Guid.Parse(_controller.Filters[0].FilterId).ToString("N")[..16]], _controller.All.ElementAt(heard).Present); // from its first word on it is not gone
    }

    [Fact]
    public async Task A_table_that_somebody_emptied_is_filled_again_and_tables_of_others_are_left_alone()
    {
        await In(network.Scrubber, "nft", "add table inet somebody_else");
        await Hold(AController.Filter($"{Victim}/32", Ntp));
        await In(network.Scrubber, "nft", "delete table inet platform_scrubber");
        await Eventually.True(async () => (await network.Ruleset()).Contains("platform_scrubber", StringComparison.Ordinal), what: "our table");
        Assert.Contains("somebody_else", await network.Ruleset(), StringComparison.Ordinal);
        Assert.Equal("cleaner:0123456789abcdef", _controller.Token);
    }

    [Theory]
    [InlineData("chain", "filter")]
    [InlineData("set", null)]
    public async Task What_somebody_took_out_of_a_filter_is_not_told_as_in_force_and_is_put_back(string kind, string? name)
    {
        var before = await network.Arrived("ntp");
        var filter = AController.Filter($"{Victim}/32", Ntp);
        await Hold(filter);
        _controller.All.Clear();
        await In(network.Scrubber, "nft", "flush", kind, "inet", "platform_scrubber", name ?? $"f{Guid.Parse(filter.FilterId):N}"[..17]);

        await Eventually.True(() => _controller.All.Any(it => it.Applied.Count == 0), what: "a word that it is not in force");
        await Eventually.Get(() => _controller.Heard, seen => seen.Applied.Count == 1, what: "the filter again");
        await network.Udp(Victim, 123, 50);
        Assert.Equal(before, await network.Arrived("ntp"));
    }

    [Fact, Trait("Requirement", "R11")]
    public async Task An_agent_that_is_killed_for_good_leaves_no_address_in_its_filters_when_their_lease_has_run_out()
    {
        _controller.LeaseSeconds = 3;
        _controller.ReturnPath = new ReturnPath { Interface = "in" };
        _controller.Diverted = [$"{Victim}/32", "10.92.0.0/24"]; // one within the other
        await Hold(
            AController.Filter($"{Victim}/32", Ntp),
            AController.Filter($"{Victim}/32", new Rule { Action = "accept", Source = $"{Client}/32" }));
        Assert.Contains("10.92.0.0/24", await Marked(), StringComparison.Ordinal);
        var held = await network.Ruleset();
        Assert.Contains(Client, held, StringComparison.Ordinal);
        Assert.Contains(Victim, held, StringComparison.Ordinal);
        await StopAgent(); // as a kill: what it put in stays

        await Eventually.Get(
            network.Ruleset,
            seen => seen.Contains("platform_scrubber", StringComparison.Ordinal)
                && !seen.Contains(Client, StringComparison.Ordinal) && !seen.Contains("10.92.0.", StringComparison.Ordinal),
            TimeSpan.FromSeconds(30),
            "tables without an address");
        Assert.DoesNotContain("10.92.", await In(network.Scrubber, "ip", "rule", "show"), StringComparison.Ordinal);
        _controller.Diverted = [];
    }

    [Fact]
    public async Task An_agent_that_ends_with_nothing_to_filter_leaves_nothing_in_the_kernel()
    {
        await Hold(AController.Filter($"{Victim}/32", Ntp));
        _controller.Filters = [];
        await Eventually.True(async () => !(await network.Ruleset()).Contains("set f", StringComparison.Ordinal), what: "an empty table");
        await StopAgent();

        Assert.DoesNotContain("platform_scrubber", await network.Ruleset(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connection_attempts_of_nobody_never_reach_the_victim_and_the_real_client_connects_through_the_proxy()
    {
        await Eventually.Get(() => _controller.Token, token => token is not null, what: "the agent");
        Assert.SkipUnless(_controller.Heard.SynProxy, "This kernel has no nftables synproxy.");
        Assert.SkipWhen(await NetworkNamespaces.WhyNot("iperf3") is { } missing, "iperf3 is not here.");
        await Hold(AController.Filter($"{Victim}/32", SynProxy));
        var before = await network.Arrived("syn");

        await network.Syn(Victim, 2000, from: Attacker);
        Assert.Equal(before, await network.Arrived("syn"));

        var flood = network.Syn(Victim, 2000, from: Attacker);
        var attempts = await SendsThroughTheProxy("-n", "200K");
        await flood;
        Assert.InRange(await network.Arrived("syn"), before + 2, before + (2 * attempts)); // its two connections, and nobody else's
        await network.Udp(Victim, 53, 20, from: Client); // what is no TCP is none of the proxy's business
        await Eventually.Get(() => _controller.Heard.Applied.Single(), seen => seen.DroppedPackets >= 4000, what: "the attempts, as told");
    }

    [Fact]
    public async Task Attempts_that_the_proxy_found_real_and_handed_on_are_not_told_as_dropped()
    {
        await Eventually.Get(() => _controller.Token, token => token is not null, what: "the agent");
        Assert.SkipUnless(_controller.Heard.SynProxy, "This kernel has no nftables synproxy.");
        Assert.SkipWhen(await NetworkNamespaces.WhyNot("iperf3") is { } missing, "iperf3 is not here.");
        await Hold(AController.Filter($"{Victim}/32", SynProxy));
        var before = await network.Arrived("syn");
        var attempts = await SendsThroughTheProxy("-P", "30", "-n", "200K");
        Assert.InRange(await network.Arrived("syn") - before, 31, 31 * attempts);

        await network.Syn(Victim, 100, from: Attacker);
        var told = await Eventually.Get(() => _controller.Heard.Applied.Single(), seen => seen.DroppedPackets >= 100, what: "the attempts, as told");
        Assert.InRange(told.DroppedPackets, 100, 110); // 131 attempts; those that were under way at a look were told until the end was known
        Assert.InRange(told.DroppedBytes, 100 * 40, 110 * 60);
    }

    /// <summary>
    /// The client sends; how often it had to begin. The proxy keeps no state of whom it answered, so a client whose one acknowledgement is lost, as in a
    /// flood on a busy machine, waits for ever with nothing that it may send.
    /// </summary>
    private async Task<int> SendsThroughTheProxy(params string[] what)
    {
        for (var attempt = 1; ; attempt++)
        {
            await In(network.Inside, "sh", "-c", "iperf3 -s -1 -D -p 80 || true"); // for one client; the last one may still wait for its own
            try
            {
                Assert.Contains("receiver", await In(network.Outside, ["timeout", "20", "iperf3", "-c", Victim, "-B", Client, "-p", "80", .. what]), StringComparison.Ordinal);
                return attempt;
            }
            catch (InvalidOperationException) when (attempt < 3)
            {
                // Then once more.
            }
        }
    }

    [Fact, Trait("Requirement", "R8")]
    public async Task Connections_that_are_open_when_the_proxy_begins_go_on_and_what_only_says_to_be_one_is_limited()
    {
        await Eventually.Get(() => _controller.Token, token => token is not null, what: "the agent");
        Assert.SkipUnless(_controller.Heard.SynProxy, "This kernel has no nftables synproxy.");
        Assert.SkipWhen(await NetworkNamespaces.WhyNot("iperf3") is { } missing, "iperf3 is not here.");
        await In(network.Inside, "iperf3", "-s", "-1", "-D", "-p", "82"); // for one client
        var open = In(network.Outside, "timeout", "30", "iperf3", "-c", Victim, "-B", Client, "-p", "82", "-t", "5", "-b", "2M", "--bidir");
        await Eventually.True(
            async () => (await In(network.Inside, "ss", "-tnH", "state", "established")).Contains(":82 ", StringComparison.Ordinal), what: "open connections");

        await Hold(AController.Filter($"{Victim}/32", SynProxy));
        Assert.False(open.IsCompleted);
        Assert.Contains("receiver", await open, StringComparison.Ordinal);

        await network.Ack(Victim, 5000, from: Attacker);
        await Eventually.Get(() => _controller.Heard.Applied.Single(), seen => seen.DroppedPackets >= 1000, what: "what was dropped of made-up connections");
    }

    [Fact]
    public async Task An_agent_whose_kernel_knows_no_proxy_says_so_and_limits_each_source_instead()
    {
        await StopAgent();
        await StartAgent(synProxy: false);
        var before = await network.Arrived("syn");
        await Hold(AController.Filter($"{Victim}/32", SynProxy));
        Assert.False(_controller.Heard.SynProxy);

        await network.Syn(Victim, 2000, from: Attacker);
        var loud = await network.Arrived("syn") - before;
        Assert.InRange(loud, 1, 400);
        await network.Syn(Victim, 5, from: Client);
        Assert.Equal(before + loud + 5, await network.Arrived("syn"));
    }

    [Fact]
    public async Task Without_a_proxy_all_sources_together_are_limited_too_because_a_flood_has_many_that_are_made_up()
    {
        await StopAgent();
        await StartAgent(synProxy: false);
        var before = await network.Arrived("syn");
        var each = SynProxy;
        (each.BytesPerSecond, each.TotalBytesPerSecond) = (1_000_000, 1_000);
        await Hold(AController.Filter($"{Victim}/32", each));

        await network.Syn(Victim, 2000, from: Attacker); // no more than one source may have
        Assert.InRange(await network.Arrived("syn") - before, 1, 400);
    }

    [Fact]
    public async Task What_is_discarded_uses_up_nothing_of_what_all_may_have_together_in_whatever_order_the_filters_come()
    {
        var before = await network.Arrived("dns");
        await Hold(
            AController.Filter($"{Victim}/32", new Rule { Action = "rate-limit", Protocol = 17, BytesPerSecond = 1_000 }),
            AController.Filter($"{Victim}/32", Ntp));

        await network.Udp(Victim, 123, 200);
        await network.Udp(Victim, 53, 5);
        Assert.Equal(before + 5, await network.Arrived("dns"));
    }

    [Fact]
    public async Task Among_many_filters_one_more_is_put_in_without_looking_at_all_of_them_so_that_the_agent_goes_on_hearing()
    {
        Filter[] many = [.. Enumerable.Range(0, 100).Select(port => AController.Filter(
            $"{Victim}/32", new Rule { Action = "discard", Protocol = 17, SourcePort = new() { From = (uint)(2000 + port), To = (uint)(2000 + port) } }))];
        _controller.Filters = many;
        await Eventually.Get(() => _controller.Heard.Applied.Count, count => count == many.Length, TimeSpan.FromSeconds(60), "all of them");

        Filter[] more = [.. many, AController.Filter($"{Victim}/32", Ntp)];
        await StartsFew(more, () => Task.FromResult(_controller.Heard.Applied.Count == more.Length), "one more");
        await StartsFew([], async () => !(await network.Ruleset()).Contains("drop", StringComparison.Ordinal), "none, as when the kill switch is engaged");

        // Each look at a filter is a program that is started. How long that takes is the machine's affair, how many are started between two words is the agent's.
        async Task StartsFew(Filter[] filters, Func<Task<bool>> until, string what)
        {
            const int few = 12;
            var (heard, started) = (_controller.All.Count, _node!.Started);
            _controller.Filters = filters;
            await Eventually.True(until, TimeSpan.FromSeconds(60), what);
            (started, heard) = (_node.Started - started, _controller.All.Count - heard);
            TestContext.Current.TestOutputHelper!.WriteLine($"{what}: {started} programs, {heard} words");
            Assert.InRange(started, 1, few * (heard + 1));
        }
    }

    [Fact]
    public async Task A_filter_that_the_kernel_refuses_keeps_no_other_out()
    {
        var before = await network.Arrived("ntp");
        var good = AController.Filter($"{Victim}/32", Ntp);
        var nonsense = AController.Filter($"{Neighbour}/32", new Rule { Action = "discard", Protocol = 17, SourcePort = new() { From = 70_000, To = 80_000 } });
        _controller.Filters = [nonsense, good];
        await Eventually.Get(() => _controller.Heard, seen => seen.Applied is [{ } one] && one.FilterId == good.FilterId, what: "the good one in force");
        await network.Udp(Victim, 123, 50);
        Assert.Equal(before, await network.Arrived("ntp"));
    }

    [Fact, Trait("Requirement", "R40")]
    public async Task Cleaned_traffic_of_diverted_prefixes_goes_back_by_its_own_way_and_others_keep_theirs()
    {
        // As if the diverting route were in the node's main table: what goes to the victim would never arrive.
        await In(network.Scrubber, "ip", "route", "add", "blackhole", $"{Victim}/32");
        try
        {
            Assert.Equal(0, (await network.Ping(Victim)).Success);
            _controller.ReturnPath = new ReturnPath { Interface = "in" };
            _controller.Diverted = [$"{Victim}/32"];
            await Eventually.True(async () => (await network.Ping(Victim)).Success == 1, what: "the way back");
            await Eventually.Get(() => _controller.Heard, seen => seen.TellsReturned && seen.Returned.SequenceEqual([$"{Victim}/32"]), what: "a word on it");
            _controller.ReturnPath = new ReturnPath { NextHopIpv4 = Victim }; // which takes no IPv6
            _controller.Diverted = [$"{Victim}/32", $"{Victim6}/128"];
            var heard = _controller.All.Count;
            await Eventually.True(() => _controller.All.Count > heard + 3, what: "what the agent says after it has heard that");
            Assert.Equal([$"{Victim}/32"], _controller.Heard.Returned);
            Assert.Equal(1, (await network.Ping(Neighbour)).Success);
            Assert.DoesNotContain(Neighbour, await Marked(), StringComparison.Ordinal);
            Assert.DoesNotContain(Victim, await In(network.Scrubber, "ip", "rule", "show", "table", "8520"), StringComparison.Ordinal); // rules have no expiry

            await StopAgent();
            await StartAgent(); // another process finds what stands, and takes it away when it is over
            _controller.Diverted = [];
            await Eventually.True(
                async () => (await In(network.Scrubber, "ip", "rule", "show", "table", "8520")).Trim().Length == 0, what: "no rule of ours");
            Assert.Equal(0, (await network.Ping(Victim)).Success);
        }
        finally
        {
            await In(network.Scrubber, "ip", "route", "del", "blackhole", $"{Victim}/32");
        }
    }

    [Fact, Trait("Requirement", "R40")]
    public async Task What_a_proxy_here_sends_to_the_victim_takes_the_way_back_too()
    {
        await Eventually.Get(() => _controller.Token, token => token is not null, what: "the agent");
        Assert.SkipUnless(_controller.Heard.SynProxy, "This kernel has no nftables synproxy.");
        Assert.SkipWhen(await NetworkNamespaces.WhyNot("iperf3") is { } missing, "iperf3 is not here.");
        await In(network.Inside, "iperf3", "-s", "-1", "-D", "-p", "81"); // for one client
        await In(network.Scrubber, "ip", "route", "add", "blackhole", $"{Victim}/32"); // as the diverting route
        try
        {
            _controller.ReturnPath = new ReturnPath { Interface = "in" };
            _controller.Diverted = [$"{Victim}/32"];
            await Hold(AController.Filter($"{Victim}/32", SynProxy));
            Assert.Contains("receiver", await In(network.Outside, "iperf3", "-c", Victim, "-B", Client, "-p", "81", "-n", "200K"), StringComparison.Ordinal);
        }
        finally
        {
            await In(network.Scrubber, "ip", "route", "del", "blackhole", $"{Victim}/32");
        }
    }

    [Fact, Trait("Requirement", "R11")]
    public async Task A_way_back_is_put_right_when_somebody_took_it_away_and_goes_when_the_controller_stays_away()
    {
        _controller.LeaseSeconds = 3;
        _controller.ReturnPath = new ReturnPath { Interface = "in" };
        _controller.Diverted = [$"{Victim}/32"];
        await Eventually.True(async () => (await Marked()).Contains(Victim, StringComparison.Ordinal), what: "the way back");

        await In(network.Scrubber, "nft", "delete", "table", "inet", "platform_scrubber_back");
        await Eventually.True(async () => (await Marked()).Contains(Victim, StringComparison.Ordinal), TimeSpan.FromSeconds(30), "the way back again");
        await In(network.Scrubber, "ip", "rule", "del", "table", "8520");
        await Eventually.True(async () => (await Rules()).Trim().Length > 0, TimeSpan.FromSeconds(30), "its rule again");

        await _controller.Stop();
        await Eventually.True(async () => (await Rules() + await Marked()).Trim().Length == 0, TimeSpan.FromSeconds(30), "nothing when the lease has run out");

        Task<string> Rules() => In(network.Scrubber, "ip", "rule", "show", "table", "8520");
    }

    /// <summary>What goes back by our table; empty when there is none.</summary>
    private Task<string> Marked() => In(network.Scrubber, "sh", "-c", "nft list table inet platform_scrubber_back 2>/dev/null || true");

    private static Rule SynProxy => new() { Action = "syn-proxy", Protocol = 6, TcpFlagsSet = 2, TcpFlagsClear = 16, BytesPerSecond = 1000 };

    private async Task Hold(params Filter[] filters)
    {
        _controller.Filters = filters;
        await Eventually.Get(
            () => _controller.Heard,
            seen => seen.Applied.Select(it => it.FilterId).Order().SequenceEqual(filters.Select(it => it.FilterId).Order()),
            what: "the filters to be in force");
    }

    private async Task StartAgent(bool synProxy = true)
    {
        var options = Options.Create(new ScrubberOptions
        {
            Controller = _controller.Address,
            Name = "cleaner",
            Token = "0123456789abcdef",
            SyncInterval = TimeSpan.FromMilliseconds(200),
            NetworkNamespace = network.Scrubber,
            SynProxy = synProxy,
        });
        var node = _node = new NodeCommands(options);
        _agent = new FilterKeeper(new NftTable(node, options), new ReturnRoutes(node, options, TimeProvider.System), options, TimeProvider.System, NullLogger<FilterKeeper>.Instance);
        await _agent.StartAsync(CancellationToken.None);
    }

    private async Task StopAgent()
    {
        await _agent!.StopAsync(CancellationToken.None);
        _agent.Dispose();
        _agent = null;
    }
}
