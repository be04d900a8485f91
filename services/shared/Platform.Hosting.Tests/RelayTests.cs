using System.Diagnostics;
using System.Net;
using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Platform.Contracts.Notifications.V1;
using Platform.EventStore;
using Platform.Testing;

namespace Platform.Hosting.Tests;

/// <summary>From append to fact to the neighbour's append, with real servers: the stream is the outbox.</summary>
[Trait("Requirement", "R197")]
public sealed class RelayTests(PostgresDatabase database, RabbitMqVirtualHost broker)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>, IDisposable
{
    private static readonly TenantId Tenant = TenantId.Of(Guid.Parse("0190bbbb-0000-7000-8000-000000000001"));
    private readonly string _folder = Directory.CreateTempSubdirectory("relay").FullName;

    [Fact]
    public async Task What_was_appended_before_the_relay_ran_is_published_and_takes_effect_once_though_delivered_twice()
    {
        await using (var migration = Build())
        {
            Assert.Equal(0, await migration.RunPlatformAsync(["migrate"]));
        }

        await using var app = Build();
        var store = app.Services.GetRequiredService<StreamStore>();
        await store.Tenant(Tenant).Handle(Bell.Stream, "1", _ => new BellRung("first"), new Cause("test:1"), Cancellation);
        await app.StartAsync(Cancellation);

        var rung = (await store.Tenant(Tenant).Read(Bell.Stream, "1", Cancellation)).Single();
        await Eventually.Equal(1L, async () => (await store.Tenant(Tenant).Load(Echo.Stream, "1", Cancellation)).Version);

        // The same fact again, as after a crash between confirmation and checkpoint: same message id.
        await app.Services.GetRequiredService<IBus>().Publish(
            new BellPublications().Publish(rung)!, typeof(NoticePublished), context => context.MessageId = rung.Id, Cancellation);
        // A second event behind it shows that the repeat has been handled.
        await store.Tenant(Tenant).Handle(Bell.Stream, "2", _ => new BellRung("second"), new Cause("test:2"), Cancellation);
        await Eventually.Equal(1L, async () => (await store.Tenant(Tenant).Load(Echo.Stream, "2", Cancellation)).Version);
        await Eventually.Equal(2, () => WhenBellRang.Calls.Count(call => call == rung.Id));

        Assert.Equal(1L, (await store.Tenant(Tenant).Load(Echo.Stream, "1", Cancellation)).Version);
        await app.StopAsync(Cancellation);
    }

    [Theory]
    [InlineData(BellPublications.Unfit)]
    [InlineData(BellPublications.Doubled)] // two facts would share the event's id
    public async Task An_event_that_cannot_be_made_one_fact_stops_the_relay_right_before_it_and_shows_as_lag(string note)
    {
        await using (var migration = Build())
        {
            Assert.Equal(0, await migration.RunPlatformAsync(["migrate"]));
        }

        await using var app = Build();
        var (store, feed) = (app.Services.GetRequiredService<StreamStore>(), app.Services.GetRequiredService<EventFeed>());
        await app.StartAsync(Cancellation);
        await feed.CatchUp("relay", Cancellation);
        var unfit = (await store.Tenant(Tenant).Append(
            Bell.Stream, note, ExpectedVersion.New, [new BellRung("good"), new BellRung(note)], new Cause($"test:{note}"), Cancellation))
            .Sequence;

        await Eventually.Equal(unfit - 1, () => feed.PositionOf("relay", Cancellation));
        await Eventually.Equal(1L, async () => (await store.Tenant(Tenant).Load(Echo.Stream, note, Cancellation)).Version);
        Assert.Contains(await feed.MeasureLag(Cancellation), lag => lag is { Reader: "relay", Events: >= 1 });
        await app.StopAsync(Cancellation);
        await using var repair = database.DataSource.CreateCommand($"delete from events.mt_events where seq_id = {unfit}");
        await repair.ExecuteNonQueryAsync(Cancellation);
    }

    [Fact]
    public async Task What_was_confirmed_before_the_first_fact_that_was_not_is_not_told_again()
    {
        await using (var migration = Build())
        {
            Assert.Equal(0, await migration.RunPlatformAsync(["migrate"]));
        }

        await using var app = Build();
        var (store, feed) = (app.Services.GetRequiredService<StreamStore>(), app.Services.GetRequiredService<EventFeed>());
        var unsent = (await store.Tenant(Tenant).Append(
            Bell.Stream, "slow", ExpectedVersion.New, [new BellRung("good"), new BellRung(BellPublications.Unsent)], new Cause("test:unsent"), Cancellation))
            .Sequence;
        await app.StartAsync(Cancellation);

        await Eventually.Equal(unsent - 1, () => feed.PositionOf("relay", Cancellation));
        await app.StopAsync(Cancellation);
        await using var repair = database.DataSource.CreateCommand($"delete from events.mt_events where seq_id = {unsent}");
        await repair.ExecuteNonQueryAsync(Cancellation);
    }

    /// <summary>A broker that is lost takes with it what it had confirmed and nobody had taken; the dump's checkpoint says that it was told.</summary>
    [Fact]
    [Trait("Requirement", "R154")]
    public async Task Facts_since_a_time_are_told_once_more_and_change_nothing_where_they_were_heard()
    {
        await using (var migration = Build())
        {
            Assert.Equal(0, await migration.RunPlatformAsync(["migrate"]));
        }

        await using var app = Build();
        var (store, feed) = (app.Services.GetRequiredService<StreamStore>(), app.Services.GetRequiredService<EventFeed>());
        await store.Tenant(Tenant).Handle(Bell.Stream, "old", _ => new BellRung("old"), new Cause("test:old"), Cancellation);
        var old = (await store.Tenant(Tenant).Read(Bell.Stream, "old", Cancellation)).Single();
        await store.Tenant(Tenant).Handle(Bell.Stream, "lost", _ => new BellRung("lost"), new Cause("test:lost"), Cancellation);
        var lost = (await store.Tenant(Tenant).Read(Bell.Stream, "lost", Cancellation)).Single();
        await app.StartAsync(Cancellation);
        await Eventually.Equal(1L, async () => (await store.Tenant(Tenant).Load(Echo.Stream, "lost", Cancellation)).Version);
        await feed.CatchUp("relay", Cancellation);
        var told = WhenBellRang.Calls.Count(call => call == old.Id);

        await using (var again = Build())
        {
            Assert.Equal(1, await again.RunPlatformAsync(["republish", "yesterday"]));
        }

        await using (var again = Build())
        {
            Assert.Equal(0, await again.RunPlatformAsync(["republish", lost.RecordedAt.ToString("O", System.Globalization.CultureInfo.InvariantCulture)]));
        }

        await Eventually.True(() => WhenBellRang.Calls.Count(call => call == lost.Id) > 1);
        await feed.CatchUp("relay", Cancellation);
        Assert.Equal(told, WhenBellRang.Calls.Count(call => call == old.Id)); // it was before that time
        Assert.Equal(1L, (await store.Tenant(Tenant).Load(Echo.Stream, "lost", Cancellation)).Version);
        await app.StopAsync(Cancellation);
    }

    [Fact]
    public async Task One_trace_runs_from_the_append_to_the_neighbours_append()
    {
        await using (var migration = Build())
        {
            Assert.Equal(0, await migration.RunPlatformAsync(["migrate"]));
        }

        await using var app = Build();
        await app.StartAsync(Cancellation);
        var store = app.Services.GetRequiredService<StreamStore>();
        using var source = new ActivitySource("Platform.Test");
        using var activity = source.StartActivity("datagram")!;
        Assert.NotNull(activity);

        await store.Tenant(Tenant).Handle(Bell.Stream, "traced", _ => new BellRung("traced"), new Cause("test:traced"), Cancellation);
        await Eventually.Equal(1L, async () => (await store.Tenant(Tenant).Load(Echo.Stream, "traced", Cancellation)).Version);

        var echoed = (await store.Tenant(Tenant).Read(Echo.Stream, "traced", Cancellation)).Single();
        Assert.Contains(activity.TraceId.ToHexString(), echoed.Metadata.TraceParent, StringComparison.Ordinal);
        await app.StopAsync(Cancellation);
    }

    [Fact]
    public async Task A_service_is_ready_while_its_database_answers_and_alive_even_when_it_does_not()
    {
        await using var healthy = Build();
        await using var cutOff = Build($"Host=127.0.0.1;Port={Loopback.FreePort()};Database=none;Username=none;Password=none");
        await healthy.StartAsync(Cancellation);
        await cutOff.StartAsync(Cancellation);

        Assert.Equal(HttpStatusCode.OK, await Health(healthy, "ready"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await Health(cutOff, "ready"));
        Assert.Equal(HttpStatusCode.OK, await Health(cutOff, "live"));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static async Task<HttpStatusCode> Health(WebApplication app, string question)
    {
        using var http = app.Services.GetRequiredService<IHttpClientFactory>().CreateClient();
        using var answer = await http.GetAsync(new Uri($"http://{app.Configuration["Listen:Health"]}/healthz/{question}"), Cancellation);
        return answer.StatusCode;
    }

    private WebApplication Build(string? connection = null) =>
        Bells.Build(_folder, connection ?? database.ConnectionString, broker.Host, broker.Port, broker.Name, broker.User, broker.Password);
}
