using Grpc.Core;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>What shall stand stands wherever it can: one dead speaker of several, or a prefix too wide, keeps nothing else from it.</summary>
public sealed class WhatStandsTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres);
    private readonly Customer _customer = Customer.New();
    private readonly Customer _always = Customer.New();
    private readonly GoBgpServer _second = new(new() { Asn = 64514, RouterId = "192.0.2.9" });
    private bool _isAgentThere = true;
    private IReadOnlyList<Filter> _told = [];
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        await _second.Start();
        _host = await AMitigationService.Start(
            _database,
            broker,
            network,
            ("Bgp:Speakers:0:DiversionNextHopIPv4", "192.0.2.50"),
            ("Bgp:Speakers:0:DiversionNextHopIPv6", "2001:db8:f::50"),
            ("Bgp:Speakers:1:Name", "second"),
            ("Bgp:Speakers:1:Address", _second.Api.ToString()),
            ("Bgp:Speakers:1:DiversionNextHopIPv4", "192.0.2.50"),
            ("Scrubbers:Agents:0:Name", "tokyo"),
            ("Scrubbers:Agents:0:Token", "0123456789abcdef"));
        await Passes(() => Task.FromResult(true), "an agent that was heard");
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _second.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact, Trait("Requirement", "R2"), Trait("Requirement", "R6")]
    public async Task Scrubbing_and_always_on_are_back_with_their_scrubbers_also_while_one_of_several_speakers_is_dead()
    {
        const string target = "203.0.113.1/32", always = "203.0.114.0/24";
        await Deliver(_customer.Signed("203.0.113.0/24"));
        await Deliver(_always.Signed(always) with { AlwaysOn = true });
        await Deliver(_customer.AttackedBy(target, Customer.NewId(), "ntp"));
        await Diverted(target);
        await Diverted(always);
        await Passes(async () => (await _second.Routes()).Select(route => route.Prefix).ToHashSet().IsSupersetOf([target, always]), "both at the other speaker");

        await _second.Kill();
        _isAgentThere = false;
        await Passes(
            async () => (await network.AtRouter(target)).SequenceEqual([$"{target} via 192.0.2.1 [65535:666 65535:65281]"])
                && (await network.AtRouter(always)).Count == 0,
            "no diversion to nobody, and the blackhole in its stead");

        _isAgentThere = true;
        await Diverted(always);
        await Diverted(target);
    }

    [Fact, Trait("Requirement", "R6")]
    public async Task A_prefix_that_is_too_wide_for_always_on_takes_nothing_from_what_stands()
    {
        const string stays = "203.0.115.0/24", goes = "203.0.116.0/24";
        await Deliver(_always.Signed(stays, goes) with { AlwaysOn = true });
        await Diverted(stays);
        await Diverted(goes);

        await Deliver(_always.Changed(2, stays, "2001:db8::/32") with { AlwaysOn = true });
        await Passes(async () => (await network.AtRouter(goes)).Count == 0, "the end of what the contract gave up");
        var looks = 0;
        await Passes(() => Task.FromResult(++looks > 10), "ten seconds");
        await Diverted(stays);

        await Deliver(_always.Changed(3, stays, goes) with { AlwaysOn = true });
        await Diverted(goes);
    }

    private Task Diverted(string prefix) => Passes(
        async () => (await network.AtRouter(prefix)).SequenceEqual([$"{prefix} via 192.0.2.50 [65535:65281]"]), $"the diversion of {prefix}");

    private Task Passes(Func<Task<bool>> until, string what) => Eventually.True(
        async () =>
        {
            if (_isAgentThere)
            {
                // It holds what it was told the last time.
                var held = _told.Select(filter => new AppliedFilter { FilterId = filter.FilterId });
                _told = (await new Wire.Scrubbers.ScrubbersClient(_host.Channel).SyncFiltersAsync(
                    new SyncFiltersRequest { Applied = { held } }, new Metadata { { "x-platform-scrubber", "tokyo:0123456789abcdef" } })).Filters;
            }

            _host.Clock.Advance(TimeSpan.FromSeconds(1));
            return await until();
        },
        TimeSpan.FromSeconds(30),
        what);

    private Task Deliver<T>(T fact)
        where T : class => _host.Deliver(fact, Customer.NewId());
}
