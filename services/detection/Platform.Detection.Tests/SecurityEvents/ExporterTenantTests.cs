using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Contracts.Ingestion.V1;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using Client = Platform.Contracts.Grpc.Detection.V1.SecurityEvents.SecurityEventsClient;

namespace Platform.Detection.Tests.SecurityEvents;

/// <summary>Whose traffic an exporter carries is told what befalls it, and nobody else is.</summary>
[Trait("Requirement", "R4")]
public sealed class ExporterTenantTests(PostgresDatabase database, RabbitMqVirtualHost broker)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>, IAsyncLifetime
{
    private readonly Guid _edge = Customer.NewId();
    private readonly Guid _core = Customer.NewId();
    private readonly Customer _mine = Customer.New();
    private readonly Customer _other = Customer.New();
    private ADetectionService _service = null!;

    /// <summary>Another one for each test: the provider's list is that of all of them.</summary>
    private string Router => $"2001:db8::{_edge.ToString("N")[^4..]}:{_edge.ToString("N")[^8..^4]}";

    private ServiceHost Host => _service.Host;

    private DateTimeOffset Now => Host.Clock.GetUtcNow();

    public async ValueTask InitializeAsync()
    {
        _service = await ADetectionService.Start(database, broker);
        await Watch(_mine, "203.0.113.0/24");
        await Watch(_other, "198.51.100.0/24");
    }

    public ValueTask DisposeAsync() => _service.DisposeAsync();

    [Fact]
    public async Task WhenExporterFellSilent_and_WhenExporterReturned_come_twice_the_tenants_whose_traffic_it_carries_are_told_once()
    {
        var branch = _mine with { ContractId = Customer.NewId(), ServiceCode = Customer.New().ServiceCode }; // of the same tenant, by another router
        await Watch(branch, "192.0.2.0/24");
        await Told(_mine, _edge, _core);
        await Told(_other, _core);
        await Told(branch, _core);

        var silent = Silent(Now);
        await Twice(silent);
        Host.Clock.Advance(TimeSpan.FromMinutes(30)); // it told nothing of anybody meanwhile
        var returned = Returned(Now);
        await Twice(returned);
        await Twice(Returned(Now)); // as if it had been said by two: the silence is over already

        var mine = (await List(_mine)).ToArray();
        Assert.Equal(["exporter-returned", "exporter-silent"], mine.Select(e => e.Kind));
        Assert.Equal(["info", "high"], mine.Select(e => e.Severity));
        Assert.Equal([returned.ReturnedAt, silent.SilentAt], mine.Select(e => e.At.ToDateTimeOffset()));
        Assert.All(mine, e => Assert.Equal((_mine.ServiceCode, _mine.ServiceCode), (e.Subject, e.ServiceCode)));
        Assert.Equal(
            [
                $"a router that tells of the traffic of {_mine.ServiceCode} is heard again: what it carried since {silent.LastSeenAt:yyyy-MM-dd HH:mm:ss} UTC was not seen",
                $"one of 2 routers that tell of the traffic of {_mine.ServiceCode} has been silent since {silent.LastSeenAt:yyyy-MM-dd HH:mm:ss} UTC: part of it is not seen, attacks may be seen late or not at all",
            ],
            mine.Select(e => e.Sentence));
        Assert.Contains("ルーター2台のうち1台からフロー情報が届いていません", mine[1].SentenceJa, StringComparison.Ordinal);
        Assert.All(mine, e => Assert.DoesNotContain(Router, e.Sentence + e.SentenceJa + e.Subject, StringComparison.Ordinal)); // the provider's affair
        Assert.Empty(await List(_other));
        Assert.Equal(2, (await List(null)).Count(e => e.Subject == Router && e.Kind == "exporter-returned")); // the provider hears each
    }

    [Fact]
    public async Task WhenExporterReturned_comes_before_the_WhenExporterFellSilent_that_it_ends_both_are_told_in_order()
    {
        await Told(_mine, _edge);
        await Told(_other, _core);
        var silent = Silent(Now);
        Host.Clock.Advance(TimeSpan.FromMinutes(5));
        await Twice(Returned(Now));
        Assert.Empty(await List(_mine)); // heard for the first time, as far as anybody knows
        await Told(_other, _edge); // which it carries only since then

        await Twice(silent);

        var mine = await List(_mine);
        Assert.Equal(["exporter-returned", "exporter-silent"], mine.Select(e => e.Kind));
        Assert.StartsWith("the only router that tells of the traffic of ", mine[1].Sentence, StringComparison.Ordinal);
        Assert.Contains("唯一のルーター", mine[1].SentenceJa, StringComparison.Ordinal);
        Assert.Empty(await List(_other));

        Host.Clock.Advance(TimeSpan.FromMinutes(5));
        await Told(_mine, _edge);
        await Host.Deliver(Silent(Now), Customer.NewId()); // silent again: the end of this one has not been told
        Assert.Equal(["exporter-silent", "exporter-returned", "exporter-silent"], (await List(_mine)).Select(e => e.Kind));
    }

    [Fact]
    public async Task WhenExporterConditionChanged_comes_twice_or_in_the_wrong_order_its_tenants_are_told_what_it_means_for_them()
    {
        await Told(_mine, _edge);
        await Told(_other, _core);
        foreach (var (condition, second) in ((string, int)[])[
            ("clock-right", 5), ("clock-skewed", 4), ("exporter-lossless", 3), ("exporter-losing", 2), ("sampling-changed", 1), ("a condition to come", 6)])
        {
            await Twice(new ExporterConditionChanged
            {
                ExporterId = _edge, Address = Router, Condition = condition, Detail = $"of {Router}", DetailJa = $"{Router}の", ChangedAt = Now.AddSeconds(second),
            });
        }

        var mine = await List(_mine);
        Assert.Equal(
            ["info clock-right", "info clock-skewed", "info exporter-lossless", "medium exporter-losing", "low sampling-changed"],
            mine.Select(e => $"{e.Severity} {e.Kind}"));
        Assert.All(mine, e => Assert.Contains($"the traffic of {_mine.ServiceCode}", e.Sentence, StringComparison.Ordinal));
        Assert.All(mine, e => Assert.Contains($"{_mine.ServiceCode}の通信を観測しているルーター", e.SentenceJa, StringComparison.Ordinal));
        Assert.All(mine, e => Assert.DoesNotContain(Router, e.Sentence + e.SentenceJa, StringComparison.Ordinal));
        Assert.Empty(await List(_other));
    }

    [Fact]
    public async Task Who_takes_a_partition_over_knows_which_exporters_told_before()
    {
        await Told(_mine, _edge);
        var clock = Host.Clock;
        await _service.DisposeAsync();
        _service = await ADetectionService.Start(database, broker, clock: clock);

        await Host.Deliver(Silent(Now), Customer.NewId());

        Assert.Equal(["exporter-silent"], (await List(_mine)).Select(e => e.Kind));
    }

    [Fact]
    public async Task An_exporter_that_told_nothing_of_it_for_ten_minutes_carries_its_traffic_no_more_and_one_that_goes_on_does()
    {
        await Told(_mine, _edge, _core);
        for (var minute = 0; minute < 12; minute++)
        {
            Host.Clock.Advance(TimeSpan.FromMinutes(1));
            await Told(_mine, _core);
        }

        await Host.Deliver(Silent(Now), Customer.NewId());
        Assert.Empty(await List(_mine));

        await Host.Deliver(Silent(Now) with { ExporterId = _core }, Customer.NewId());
        Assert.StartsWith("the only router", Assert.Single(await List(_mine)).Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_an_object_no_more_exporters_are_known_than_there_is_room_for()
    {
        await _service.Send(_mine, "203.0.113.10", packets: 1, exporters: [.. Enumerable.Range(0, 200).Select(_ => Customer.NewId())]);
        await Eventually.True(async () =>
        {
            Host.Clock.Advance(TimeSpan.FromSeconds(5));
            return await Known(_mine) > 0;
        });

        Assert.Equal(Detection.SecurityEvents.ObjectExporters.Most, await Known(_mine));
    }

    /// <summary>These told of its traffic just now, and that is written down.</summary>
    private async Task Told(Customer customer, params Guid[] exporters)
    {
        var from = Now;
        await Eventually.True(async () =>
        {
            await _service.Send(customer, customer == _other ? "198.51.100.10" : "203.0.113.10", packets: 1, exporters: exporters);
            Host.Clock.Advance(TimeSpan.FromSeconds(1));
            return await Known(customer, exporters, from) == exporters.Length;
        });
    }

    private async Task<long> Known(Customer customer, Guid[]? exporters = null, DateTimeOffset? from = null)
    {
        await using var count = Host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand(
            "select count(*) from views.object_exporters_v1 where object_id = $1 and ($2::uuid[] is null or exporter_id = any ($2)) and heard_at > $3 - interval '1 minute'");
        count.Parameters.Add(new() { Value = customer.ContractId });
        count.Parameters.Add(new() { Value = (object?)exporters ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Uuid });
        count.Parameters.Add(new() { Value = from ?? DateTimeOffset.UnixEpoch });
        return (long)(await count.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }

    private async Task Watch(Customer customer, string prefix)
    {
        await Host.Deliver(customer.Signed(prefix), Customer.NewId());
        await Host.CatchUp();
        var directory = Host.Services.GetRequiredService<ObjectDirectory>();
        await Eventually.True(() => directory.Find(customer.ContractId) is not null, what: "the object in the engine");
    }

    private async Task Twice<T>(T fact)
        where T : class
    {
        var id = Customer.NewId();
        await Host.Deliver(fact, id);
        await Host.Deliver(fact, id);
    }

    /// <summary>What a tenant, or the provider, is told of exporters.</summary>
    private async Task<IReadOnlyList<SecurityEvent>> List(Customer? customer)
    {
        var caller = customer is null ? Host.As(TenantId.Provider, Roles.ProviderOperator) : Host.As(TenantId.Of(customer.TenantId), Roles.Viewer);
        var events = (await new Client(Host.Channel).ListSecurityEventsAsync(new(), caller)).Events;
        return [.. events.Where(e => !e.Kind.StartsWith("telemetry", StringComparison.Ordinal) && !e.Kind.StartsWith("detector", StringComparison.Ordinal))];
    }

    private ExporterFellSilent Silent(DateTimeOffset at) => new() { ExporterId = _edge, Address = Router, LastSeenAt = at.AddMinutes(-1), SilentAt = at };

    private ExporterReturned Returned(DateTimeOffset at) => new() { ExporterId = _edge, Address = Router, ReturnedAt = at };
}
