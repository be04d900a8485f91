using Microsoft.Extensions.DependencyInjection;
using Platform.EventStore;
using Platform.Testing;

namespace Platform.Hosting.Tests;

[Trait("Requirement", "R173")]
public sealed class AuditTests(PostgresDatabase database, RabbitMqVirtualHost broker)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>, IDisposable
{
    private static readonly TenantId Tenant = TenantId.Of(Guid.Parse("0190bbbb-0000-7000-8000-000000000001"));
    private readonly string _folder = Directory.CreateTempSubdirectory("audit").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Requirement", "R37")]
    [Trait("Requirement", "R38")]
    [Trait("Requirement", "R174")]
    public async Task The_command_verify_fails_once_a_stored_event_was_changed_and_every_event_says_how_its_clock_stood()
    {
        Assert.Equal(0, await Run("migrate"));
        await using (var app = Build())
        {
            var session = app.Services.GetRequiredService<StreamStore>().Tenant(Tenant);
            await session.Handle(Bell.Stream, "1", _ => new BellRung("first"), new Cause("test:1"), Cancellation);
        }

        Assert.Equal(0, await Run("verify"));
        Assert.Matches(@"^(synchronised offset=-?\d+us maxerror=\d+us|unsynchronised)$", await Scalar("select headers ->> 'clock' from events.mt_events"));

        await Scalar("update events.mt_events set data = data || '{\"Note\": \"second\"}' returning ''");

        Assert.Equal(1, await Run("verify"));
    }

    [Fact]
    public async Task Days_that_are_over_in_Japan_are_anchored_when_a_service_runs()
    {
        Assert.Equal(0, await Run("migrate"));
        await using var app = Build();
        await app.Services.GetRequiredService<StreamStore>().Tenant(Tenant)
            .Handle(Bell.Stream, "2", _ => new BellRung("second"), new Cause("test:2"), Cancellation);
        await Scalar(
            """
            update events.mt_events set timestamp = timestamp - interval '1 day' where stream_id = 'bell:2';
            update events.mt_streams set timestamp = timestamp - interval '1 day' where id = 'bell:2' returning ''
            """);
        await app.StartAsync(Cancellation);

        var yesterday = JapanCalendar.DayOf(TimeProvider.System.GetUtcNow()).PlusDays(-1);
        await Eventually.Equal(
            $"bell:2 1 {yesterday:yyyy-MM-dd}",
            () => Scalar("select stream_id || ' ' || version || ' ' || day from platform.anchors where stream_id = 'bell:2'"));
        await app.StopAsync(Cancellation);
        await Scalar("delete from platform.anchors; delete from platform.inbox; delete from events.mt_events; delete from events.mt_streams"); // its times were changed
    }

    [Fact]
    [Trait("Requirement", "R197")]
    public async Task The_command_rebuild_puts_right_what_is_wrong_in_a_view_while_the_service_goes_on()
    {
        Assert.Equal(0, await Run("migrate"));
        await using var app = Build();
        await app.StartAsync(Cancellation);
        var session = app.Services.GetRequiredService<StreamStore>().Tenant(Tenant);
        var feed = app.Services.GetRequiredService<EventFeed>();
        await session.Handle(Bell.Stream, "3", _ => new BellRung("third"), new Cause("test:3"), Cancellation);
        await feed.CatchUp("rings_v1", Cancellation);
        await Scalar("update views.rings set rings = 7 where bell = '3' returning ''");

        Assert.Equal(0, await Run("rebuild", "rings_v1"));
        Assert.Equal(1, await Run("rebuild", "nothing_v1"));

        await session.Handle(Bell.Stream, "3", _ => new BellRung("again"), new Cause("test:3b"), Cancellation);
        await feed.CatchUp("rings_v1", Cancellation);
        Assert.Equal("2", await Scalar("select rings::text from views.rings where bell = '3'"));
        await app.StopAsync(Cancellation);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<int> Run(params string[] command)
    {
        await using var app = Build();
        return await app.RunPlatformAsync(command);
    }

    private async Task<string> Scalar(string sql)
    {
        await using var command = database.DataSource.CreateCommand(sql);
        return (string)(await command.ExecuteScalarAsync(Cancellation) ?? "");
    }

    private Microsoft.AspNetCore.Builder.WebApplication Build() =>
        Bells.Build(_folder, database.ConnectionString, broker.Host, broker.Port, broker.Name, broker.User, broker.Password);
}
