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
        Assert.Equal((1.0, 1.0), (before.Success, during.Success));
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
    public async Task An_agent_that_died_leaves_the_filters_and_takes_over_what_stands_when_it_is_back()
    {
        var before = await network.Arrived("ntp");
        await Hold(AController.Filter($"{Victim}/32", Ntp));
        await StopAgent();
        await network.Udp(Victim, 123, 50);
        Assert.Equal(before, await network.Arrived("ntp"));

        await StartAgent();
        await Eventually.Get(
            () => _controller.Heard, seen => seen.Applied is [{ DroppedPackets: 50 }], what: "the filter with what it had counted");
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

    [Fact]
    public async Task An_agent_that_ends_with_nothing_to_filter_leaves_nothing_in_the_kernel()
    {
        await Hold(AController.Filter($"{Victim}/32", Ntp));
        _controller.Filters = [];
        await Eventually.True(async () => !(await network.Ruleset()).Contains("set f", StringComparison.Ordinal), what: "an empty table");
        await StopAgent();

        Assert.DoesNotContain("platform_scrubber", await network.Ruleset(), StringComparison.Ordinal);
    }

    private async Task Hold(params Filter[] filters)
    {
        _controller.Filters = filters;
        await Eventually.Get(
            () => _controller.Heard,
            seen => seen.Applied.Select(it => it.FilterId).Order().SequenceEqual(filters.Select(it => it.FilterId).Order()),
            what: "the filters to be in force");
    }

    private async Task StartAgent()
    {
        var options = Options.Create(new ScrubberOptions
        {
            Controller = _controller.Address,
            Name = "cleaner",
            Token = "0123456789abcdef",
            SyncInterval = TimeSpan.FromMilliseconds(200),
            NetworkNamespace = network.Scrubber,
        });
        _agent = new FilterKeeper(new NftTable(options), options, TimeProvider.System, NullLogger<FilterKeeper>.Instance);
        await _agent.StartAsync(CancellationToken.None);
    }

    private async Task StopAgent()
    {
        await _agent!.StopAsync(CancellationToken.None);
        _agent.Dispose();
        _agent = null;
    }
}
