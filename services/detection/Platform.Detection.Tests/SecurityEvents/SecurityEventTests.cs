using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.Contracts.Grpc.Detection.V1;
using Platform.Contracts.Ingestion.V1;
using Platform.Detection.Bandwidth;
using Platform.Detection.Windows;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;
using Client = Platform.Contracts.Grpc.Detection.V1.SecurityEvents.SecurityEventsClient;

namespace Platform.Detection.Tests.SecurityEvents;

/// <summary>One ordered list per tenant, and one of the provider's network.</summary>
public sealed class SecurityEventTests(PostgresDatabase database, RabbitMqVirtualHost broker)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>, IAsyncLifetime
{
    private const string Router = "192.0.2.7";
    private readonly Customer _customer = Customer.New();
    private ADetectionService _service = null!;

    private ServiceHost Host => _service.Host;

    private Metadata Provider => Host.As(TenantId.Provider, Roles.ProviderOperator);

    private Metadata Mine => Host.As(TenantId.Of(_customer.TenantId), Roles.Viewer);

    public async ValueTask InitializeAsync() => _service = await ADetectionService.Start(database, broker);

    public ValueTask DisposeAsync() => _service.DisposeAsync();

    [Fact, Trait("Requirement", "R4")]
    public async Task WhenExporterFellSilent_WhenExporterReturned_and_WhenExporterConditionChanged_come_twice_or_in_the_wrong_order_the_list_is_in_order()
    {
        var silent = Customer.NewId();
        await Host.Deliver(Returned(minute: 9), Customer.NewId());
        await Host.Deliver(Silent(minute: 5), silent);
        await Host.Deliver(Silent(minute: 5), silent);
        await Host.Deliver(Condition("sampling-changed", minute: 7) with { DetailJa = "そのまま" }, Customer.NewId());
        await Host.Deliver(Condition("clock-skewed", minute: 6), Customer.NewId());

        var seen = (await List(Provider)).Events.Where(e => e.Subject == Router).ToArray();
        Assert.Equal(["exporter-returned", "sampling-changed", "clock-skewed", "exporter-silent"], seen.Select(e => e.Kind));
        Assert.Equal(["info", "low", "medium", "high"], seen.Select(e => e.Severity));
        Assert.Equal(
            [
                $"{Router}からフロー情報を受信しています",
                $"{Router}: そのまま",
                $"{Router}: 時計がずれています", // told by an ingestion of an earlier release
                $"2030-01-01 00:04:00 UTC以降、{Router}からフロー情報を受信していません。この機器を通る攻撃は検知できません",
            ],
            seen.Select(e => e.SentenceJa));
        Assert.DoesNotContain((await List(Mine)).Events, e => e.Subject == Router);
        Assert.Equal(["exporter-silent"], (await List(Provider, new() { LeastSeverity = "high" })).Events.Where(e => e.Subject == Router).Select(e => e.Kind));
        Assert.Equal(["clock-skewed"], (await List(Provider, new() { Kinds = { "clock-skewed" } })).Events.Select(e => e.Kind));
    }

    [Fact, Trait("Requirement", "R4")]
    public async Task What_was_stored_in_English_only_reads_well_in_Japanese()
    {
        foreach (var (kind, table) in ((string, string)[])[
            ("anomaly-detected", "recorded"), ("anomaly-changed", "recorded"), ("anomaly-ended", "recorded"), ("bandwidth-exceeded", "recorded"),
            ("bandwidth-kept", "recorded"), ("telemetry-lost", "noted"), ("hosts-crowded", "noted"), ("exporter-silent", "noted"), ("exporter-returned", "noted"),
            ("sampling-changed", "noted"), ("exporter-losing", "noted"), ("exporter-lossless", "noted"), ("clock-skewed", "noted"), ("clock-right", "noted"),
            ("detector-behind", "noted"), ("detector-caught-up", "noted"), ("telemetry-gone", "noted"), ("telemetry-back", "noted"), ("a kind to come", "noted")])
        {
            await using var insert = Host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand(
                $"""
                insert into views.{table}_events_v1 (event_id, tenant_id, at, severity, kind, subject, sentence, service_code)
                values (gen_random_uuid(), $1, now(), 1, $2, 'its subject', 'in English', $3)
                """); // as the release before writes
            insert.Parameters.Add(new() { Value = _customer.TenantId });
            insert.Parameters.Add(new() { Value = kind });
            insert.Parameters.Add(new() { Value = _customer.ServiceCode });
            await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        var mine = (await List(Mine)).Events;
        Assert.Equal(19, mine.Count);
        Assert.All(mine, e => Assert.Equal("in English", e.Sentence));
        Assert.All(mine, e => Assert.Equal(e.Kind == "a kind to come", e.SentenceJa == e.Sentence));
        Assert.Equal("its subjectの異常を検知しました", mine.Single(e => e.Kind == "anomaly-detected").SentenceJa);
        Assert.All(mine.Where(e => e.Sentence != e.SentenceJa), e => Assert.Contains(e.SentenceJa, (char letter) => letter is >= 'ぁ' and <= 'ん'));
    }

    [Fact, Trait("Requirement", "R4")]
    public async Task Pages_follow_each_other_without_gap_or_repetition()
    {
        for (var minute = 0; minute < 5; minute++)
        {
            await Host.Deliver(Condition("exporter-losing", minute: 20) with { Address = "192.0.2.8" }, Customer.NewId()); // all at the same time
        }

        var all = (await List(Provider, new() { Kinds = { "exporter-losing" } })).Events.Select(e => e.EventId).ToArray();
        var paged = new List<string>();
        var next = "";
        do
        {
            var page = await List(Provider, new() { Kinds = { "exporter-losing" }, Limit = 2, Before = next });
            paged.AddRange(page.Events.Select(e => e.EventId));
            next = page.Next;
        }
        while (next.Length > 0);

        Assert.Equal(5, all.Length);
        Assert.Equal(all, paged);
        foreach (var wrong in (ListSecurityEventsRequest[])[new() { Before = "x" }, new() { LeastSeverity = "bad" }])
        {
            Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => List(Provider, wrong))).StatusCode);
        }
    }

    [Fact, Trait("Requirement", "R4")]
    public async Task Anomalies_and_lost_telemetry_are_the_tenants_and_nobody_elses()
    {
        await Watch();
        await _service.Send(_customer, "203.0.113.10", packets: 10);
        await _service.Send(_customer, "203.0.113.10", packets: 400_000, lost: 3);
        await Eventually.Passes(async () =>
        {
            Host.Clock.Advance(TimeSpan.FromSeconds(1));
            Assert.Superset(
                new HashSet<string> { "anomaly-detected", "telemetry-lost" }, (await List(Mine)).Events.Select(e => e.Kind).ToHashSet());
        });

        var mine = (await List(Mine)).Events;
        var lost = mine.Single(e => e.Kind == "telemetry-lost");
        Assert.Equal(("medium", _customer.ServiceCode), (lost.Severity, lost.Subject));
        Assert.StartsWith("3 batches", lost.Sentence, StringComparison.Ordinal);
        Assert.Contains("3件が失われました", lost.SentenceJa, StringComparison.Ordinal);
        Assert.All(mine, e => Assert.NotEqual("", e.SentenceJa));
        Assert.Equal(("203.0.113.10/32", _customer.ServiceCode), mine.Where(e => e.Kind == "anomaly-detected").Select(e => (e.Subject, e.ServiceCode)).Single());
        Assert.Equal(mine.OrderByDescending(e => e.At.ToDateTimeOffset()).Select(e => e.EventId), mine.Select(e => e.EventId));

        var stranger = Host.As(TenantId.Of(Customer.NewId()), Roles.Viewer);
        Assert.Empty((await List(stranger)).Events);
        Assert.DoesNotContain((await List(Provider)).Events, e => e.ServiceCode == _customer.ServiceCode);
        Assert.NotEmpty((await List(Provider, new() { TenantId = _customer.TenantId.ToString() })).Events);
        var refusal = await Assert.ThrowsAsync<RpcException>(() => List(stranger, new() { TenantId = _customer.TenantId.ToString() }));
        Assert.Equal(StatusCode.NotFound, refusal.StatusCode);
    }

    [Fact, Trait("Requirement", "R27")]
    public async Task Pages_of_excesses_follow_each_other_without_gap_or_repetition()
    {
        await using var insert = Host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand(
            """
            insert into views.bandwidth_excesses_v1 select $1, gen_random_uuid(), $2, 1, 2, timestamptz '2030-01-01' + each / 2 * interval '1 hour', null
            from generate_series(1, 5) each
            """); // two at a time
        insert.Parameters.Add(new() { Value = _customer.TenantId });
        insert.Parameters.Add(new() { Value = _customer.ServiceCode });
        await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        var client = new Client(Host.Channel);
        var all = (await client.ListBandwidthExcessesAsync(new(), Mine)).Excesses;
        var (paged, next) = (new List<BandwidthExcess>(), "");
        do
        {
            var page = await client.ListBandwidthExcessesAsync(new() { Before = next, Limit = 2 }, Mine);
            paged.AddRange(page.Excesses);
            next = page.Next;
        }
        while (next.Length > 0);

        Assert.Equal(5, all.Count);
        Assert.Equal(all, paged);
    }

    [Fact, Trait("Requirement", "R27")]
    public async Task Traffic_above_what_the_contract_declares_is_listed_apart_from_attacks()
    {
        await Watch();
        var minute = Host.Clock.GetUtcNow().AddMinutes(-1);
        var uses = Host.Services.GetRequiredService<UseRecorder>();
        var above = new MeasureUse(_customer.ContractId, _customer.ServiceCode, 1_000_000_000, 1_200_000_000, minute, Host.Clock.GetUtcNow());
        uses.Enqueue(new UseChanged(_customer.TenantId, above));
        uses.Enqueue(new UseChanged(_customer.TenantId, above)); // another process saw it too
        var grown = above with { BitsPerSecond = 1_500_000_000, Minute = minute.AddMinutes(2), At = above.At.AddSeconds(1) };
        uses.Enqueue(new UseChanged(_customer.TenantId, grown));
        uses.Enqueue(new UseChanged(_customer.TenantId, grown));
        uses.Enqueue(new UseChanged(_customer.TenantId, above with { Minute = minute.AddMinutes(1) }));
        var client = new Client(Host.Channel);
        var growing = Assert.Single(await Eventually.Get(
            async () => (await client.ListBandwidthExcessesAsync(new(), Mine)).Excesses, seen => seen.Any(one => one.PeakBitsPerSecond > 1_200_000_000), what: "growth"));
        Assert.Equal((1_500_000_000L, minute, null), (growing.PeakBitsPerSecond, growing.Since.ToDateTimeOffset(), growing.Until));
        uses.Enqueue(new UseChanged(_customer.TenantId, above with { BitsPerSecond = 0, Minute = minute.AddMinutes(3), At = above.At.AddSeconds(2) }, Peak: 1_500_000_000));

        var excess = Assert.Single(await Eventually.Get(
            async () => (await client.ListBandwidthExcessesAsync(new(), Mine)).Excesses, seen => seen.Any(one => one.Until is not null), what: "the excess"));
        Assert.Equal((1_000_000_000L, 1_500_000_000L), (excess.DeclaredBitsPerSecond, excess.PeakBitsPerSecond));
        await Host.CatchUp();
        var told = (await List(Mine)).Events;
        Assert.Equal(["bandwidth-kept", "bandwidth-exceeded", "bandwidth-exceeded"], told.Select(e => e.Kind));
        Assert.StartsWith("traffic above the 1,000,000,000 bits/s that the contract declares grew to ", told[1].Sentence, StringComparison.Ordinal);
        Assert.Equal(
            [
                "通信量は契約で申告された帯域1,000,000,000 bits/s以内に戻りました(最大の1分間は1,500,000,000 bits/s)",
                "契約で申告された帯域1,000,000,000 bits/sの超過が、攻撃を除く1分間の平均1,500,000,000 bits/sまで拡大しました",
                "攻撃を除く1分間の平均1,200,000,000 bits/sが、契約で申告された帯域1,000,000,000 bits/sを超えました",
            ],
            told.Select(e => e.SentenceJa));
        Assert.Empty((await client.ListBandwidthExcessesAsync(new(), Host.As(TenantId.Of(Customer.NewId()), Roles.Viewer))).Excesses);
    }

    [Fact, Trait("Requirement", "R27")]
    public async Task The_excess_of_an_object_that_is_watched_no_longer_ends_with_it()
    {
        await Watch();
        var minute = Host.Clock.GetUtcNow().AddMinutes(-1);
        Host.Services.GetRequiredService<UseRecorder>().Enqueue(new UseChanged(
            _customer.TenantId, new(_customer.ContractId, _customer.ServiceCode, 1_000_000_000, 1_200_000_000, minute, Host.Clock.GetUtcNow())));
        await Eventually.Equal(1, async () => (await Excesses()).Count);

        await Host.Deliver(_customer.Terminated(), Customer.NewId());
        await Eventually.True(async () =>
        {
            Host.Clock.Advance(TimeSpan.FromSeconds(5));
            return (await Excesses()).All(excess => excess.Until is not null);
        });
        Assert.Equal(1_200_000_000, Assert.Single(await Excesses()).PeakBitsPerSecond);
    }

    [Fact, Trait("Requirement", "R27")]
    public async Task A_minute_that_can_never_be_written_down_holds_up_no_excess()
    {
        await Watch();
        var uses = Host.Services.GetRequiredService<UseRecorder>();
        var minute = new UsedMinute(_customer.TenantId, _customer.ServiceCode, _customer.ContractId, Minute: 1, long.MaxValue, IsAttacked: false);
        uses.Enqueue(minute);
        uses.Enqueue(minute); // the sum has no room in the column
        uses.Enqueue(new UseChanged(_customer.TenantId, new(
            _customer.ContractId, _customer.ServiceCode, 1_000_000_000, 1_200_000_000, Host.Clock.GetUtcNow().AddMinutes(-1), Host.Clock.GetUtcNow())));

        await Eventually.Equal(1, async () => (await Excesses()).Count);
    }

    private async Task<IReadOnlyList<BandwidthExcess>> Excesses() => (await new Client(Host.Channel).ListBandwidthExcessesAsync(new(), Mine)).Excesses;

    [Fact, Trait("Requirement", "R4")]
    public async Task A_detector_that_lags_behind_the_wire_is_noted_once_and_again_when_it_caught_up()
    {
        await Watch();
        await Kinds(
            async () => await _service.Send(_customer, "203.0.113.10", packets: 10, lag: TimeSpan.FromSeconds(5)),
            kinds => kinds.Contains("detector-behind"));
        var kinds = await Kinds(() => Task.CompletedTask, kinds => kinds.Contains("detector-caught-up"));

        Assert.Equal(["detector-caught-up", "detector-behind"], kinds);
        Assert.All((await List(Provider)).Events.Where(e => e.Kind.StartsWith("detector", StringComparison.Ordinal)), e => Assert.Contains("判定", e.SentenceJa, StringComparison.Ordinal));
        Assert.DoesNotContain((await List(Mine)).Events, e => e.Kind.StartsWith("detector", StringComparison.Ordinal));
    }

    [Fact, Trait("Requirement", "R4")]
    public async Task When_all_telemetry_is_gone_the_provider_and_the_tenants_are_told_once_and_again_when_it_is_back()
    {
        await Watch();
        await using var replica = await ADetectionService.Start(database, broker, clock: Host.Clock); // reads nothing and tells nothing twice
        await Eventually.Equal(1L, async () => // telemetry is heard
        {
            await _service.Beat();
            Host.Clock.Advance(TimeSpan.FromSeconds(0.02)); // however long a beat is on its way, no 15 s pass for the service
            return await Count("views.telemetry_heard_v1 where not is_gone");
        });
        Assert.Empty(await Told(Provider));

        await Eventually.True(
            async () =>
            {
                Host.Clock.Advance(TimeSpan.FromSeconds(1)); // ingestion is dead, or the broker, or every router
                return (await Told(Provider)).Count > 0;
            });
        for (var second = 0; second < 20; second++)
        {
            Host.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        await Eventually.Equal(1L, async () =>
        {
            await _service.Beat();
            Host.Clock.Advance(TimeSpan.FromSeconds(0.02)); // however long a beat is on its way, no 15 s pass for the service
            return await Count("views.telemetry_heard_v1 where not is_gone");
        });
        foreach (var caller in (Metadata[])[Provider, Mine])
        {
            var told = await Told(caller);
            Assert.Equal(["info telemetry-back", "critical telemetry-gone"], told.Select(e => $"{e.Severity} {e.Kind}"));
            Assert.StartsWith("no telemetry of the network since ", told[1].Sentence, StringComparison.Ordinal);
            Assert.Equal(told[1].Sentence["no telemetry of the network since ".Length..][..19], told[1].SentenceJa[..19]); // when
            Assert.EndsWith("攻撃は検知できません", told[1].SentenceJa, StringComparison.Ordinal);
            Assert.StartsWith("ネットワークのフロー情報の受信が再開しました", told[0].SentenceJa, StringComparison.Ordinal);
        }
    }

    private async Task<IReadOnlyList<SecurityEvent>> Told(Metadata caller) => [.. (await List(caller)).Events.Where(e => e.Subject == "telemetry")];

    private async Task<long> Count(string rows)
    {
        await using var count = Host.Services.GetRequiredService<Npgsql.NpgsqlDataSource>().CreateCommand($"select count(*) from {rows}");
        return (long)(await count.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }

    /// <summary>What the provider is told about detectors, second after second.</summary>
    private Task<IReadOnlyList<string>> Kinds(Func<Task> eachSecond, Func<IReadOnlyList<string>, bool> until) => Eventually.Get<IReadOnlyList<string>>(
        async () =>
        {
            await eachSecond();
            Host.Clock.Advance(TimeSpan.FromSeconds(1));
            return [.. (await List(Provider)).Events.Select(e => e.Kind).Where(kind => kind.StartsWith("detector", StringComparison.Ordinal))];
        },
        until,
        what: "the detector's events");

    private async Task Watch()
    {
        await Host.Deliver(_customer.Signed("203.0.113.0/24"), Customer.NewId());
        await Host.CatchUp();
        var directory = Host.Services.GetRequiredService<ObjectDirectory>();
        await Eventually.True(() => directory.Find(_customer.ContractId) is not null, what: "the object in the engine");
    }

    private async Task<ListSecurityEventsResponse> List(Metadata caller, ListSecurityEventsRequest? request = null) =>
        await new Client(Host.Channel).ListSecurityEventsAsync(request ?? new(), caller);

    private static ExporterFellSilent Silent(int minute) =>
        new() { ExporterId = Guid.Empty, Address = Router, LastSeenAt = At(minute - 1), SilentAt = At(minute) };

    private static ExporterReturned Returned(int minute) => new() { ExporterId = Guid.Empty, Address = Router, ReturnedAt = At(minute) };

    private static ExporterConditionChanged Condition(string condition, int minute) =>
        new() { ExporterId = Guid.Empty, Address = Router, Condition = condition, Detail = "as it is", ChangedAt = At(minute) };

    private static DateTimeOffset At(int minute) => new(2030, 1, 1, 0, minute, 0, TimeSpan.Zero);
}
