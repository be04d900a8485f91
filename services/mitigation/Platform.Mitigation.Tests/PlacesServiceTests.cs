using Grpc.Core;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Mitigation.Tests.Bgp;
using Platform.Testing;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Tests;

/// <summary>In force is what stands at every place where it shall stand, now: what does not is seen, place by place.</summary>
public sealed class PlacesServiceTests(PostgresServer postgres, RabbitMqVirtualHost broker, ANetwork network)
    : IClassFixture<RabbitMqVirtualHost>, IClassFixture<ANetwork>, IAsyncLifetime
{
    private readonly PostgresDatabase _database = new(postgres); // for each test: other agents would count
    private readonly GoBgpServer _far = new(new() { Asn = 64513, RouterId = "192.0.2.4", Address = "127.0.0.4" });
    private readonly Customer _customer = Customer.New();
    private ServiceHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.InitializeAsync();
        await _far.Start();
        _host = await AMitigationService.Start(
            _database,
            broker,
            network,
            ("Bgp:Speakers:0:DiversionNextHopIPv4", "192.0.2.50"),
            ("Bgp:Speakers:1:Name", "far"),
            ("Bgp:Speakers:1:Address", _far.Api.ToString()),
            ("Scrubbers:Agents:0:Name", "tokyo"),
            ("Scrubbers:Agents:0:Token", "0123456789abcdef"),
            ("Scrubbers:Agents:1:Name", "osaka"),
            ("Scrubbers:Agents:1:Token", "fedcba9876543210"));
        await Deliver(_customer.Signed("203.0.113.0/24"));
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _far.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_route_is_in_force_when_every_speaker_was_read_back_with_it_and_no_longer_when_one_has_gone_until_it_is_back()
    {
        await Deliver(_customer.Attacked("203.0.113.100/32", Customer.NewId()));
        await Stands("active", "announced", ["edge", "far"], []);

        await _far.Kill();
        await Stands("partial", "partial", ["edge"], ["far"]);
        await network.Speaker.Kill();
        await Stands("missing", "missing", [], ["edge", "far"]);

        await network.Speaker.Start();
        await _far.Start();
        await Stands("active", "announced", ["edge", "far"], []);
    }

    [Fact]
    public async Task What_a_speaker_has_not_taken_yet_is_partly_in_force_from_the_beginning()
    {
        await _far.Kill();
        await Deliver(_customer.Attacked("203.0.113.101/32", Customer.NewId()));
        await Stands("partial", "partial", ["edge"], ["far"]);
    }

    [Fact]
    public async Task A_filter_is_in_force_when_every_scrubber_holds_it_and_no_longer_when_one_has_lost_it()
    {
        await Sync("tokyo");
        await Sync("osaka");
        await Deliver(_customer.AttackedBy("203.0.113.102/32", Customer.NewId(), "ntp"));
        var filter = (await Eventually.Get(async () => (await Sync("tokyo")).Filters, seen => seen.Count == 1, what: "a filter"))[0].FilterId;
        await Sync("osaka");
        await Filter("requested", [], ["osaka", "tokyo"]);
        await Sync("tokyo", filter);
        await Filter("partial", ["tokyo"], ["osaka"]);
        await Sync("osaka", filter);
        await Filter("announced", ["osaka", "tokyo"], []);

        await Sync("tokyo");
        await Filter("partial", ["osaka"], ["tokyo"]);
        await Sync("osaka");
        await Filter("missing", [], ["osaka", "tokyo"]);
        await Sync("tokyo", filter);
        await Sync("osaka", filter);
        await Filter("announced", ["osaka", "tokyo"], []);
    }

    private Task<Wire.Mitigation> Stands(string status, string countermeasure, string[] announcedBy, string[] missingAt) => Eventually.Get(
        async () => (await Listed()).Single(),
        seen => seen.Status == status && Is(seen.Countermeasures.Single(), countermeasure, announcedBy, missingAt),
        TimeSpan.FromSeconds(30),
        $"{status}, by [{string.Join(", ", announcedBy)}]");

    private Task<Countermeasure> Filter(string status, string[] announcedBy, string[] missingAt) => Eventually.Get(
        async () => (await Listed()).Single().Countermeasures.Single(it => it.Kind == "scrubbing"),
        seen => Is(seen, status, announcedBy, missingAt),
        TimeSpan.FromSeconds(30),
        $"{status}, by [{string.Join(", ", announcedBy)}]");

    private static bool Is(Countermeasure seen, string status, string[] announcedBy, string[] missingAt) =>
        seen.Status == status && seen.AnnouncedBy.SequenceEqual(announcedBy) && seen.MissingAt.SequenceEqual(missingAt);

    private async Task<IReadOnlyList<Wire.Mitigation>> Listed() => (await new Wire.Mitigations.MitigationsClient(_host.Channel).ListMitigationsAsync(
        new(), _host.As(TenantId.Of(_customer.TenantId), Roles.Viewer))).Mitigations;

    private async Task<SyncFiltersResponse> Sync(string agent, params string[] held) =>
        await new Wire.Scrubbers.ScrubbersClient(_host.Channel).SyncFiltersAsync(
            new SyncFiltersRequest { Applied = { held.Select(id => new AppliedFilter { FilterId = id }) } },
            new Metadata { { "x-platform-scrubber", $"{agent}:{(agent == "tokyo" ? "0123456789abcdef" : "fedcba9876543210")}" } });

    private Task Deliver<T>(T fact)
        where T : class => _host.Deliver(fact, Customer.NewId());
}
