using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Platform.EventStore;
using Platform.Testing;

namespace Platform.Hosting.Tests;

/// <summary>Each fact arrives and each effect happens once, whatever breaks between append, broker and the neighbour's append.</summary>
[Trait("Requirement", "R197")]
public sealed class RelayOutageTests : IAsyncLifetime
{
    private static readonly TenantId Tenant = TenantId.Of(Guid.Parse("0190bbbb-0000-7000-8000-000000000001"));
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(TestEnvironment.IsLong ? 600 : 90); // a minute's load takes long to catch up with
    private readonly string _folder = Directory.CreateTempSubdirectory("outage").FullName;
    private readonly PostgresServer _postgres = PostgresServer.Own();
    private readonly RabbitMqServer _broker = RabbitMqServer.Own();
    private string _connection = "";
    private NpgsqlDataSource _direct = null!;
    private int _rung;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await Task.WhenAll(_postgres.InitializeAsync().AsTask(), _broker.InitializeAsync().AsTask());
        _connection = await _postgres.CreateDatabase("bells", Secrets.Password(), Cancellation);
        _direct = NpgsqlDataSource.Create(_connection);
        await using var migration = Build(_postgres.Port, _broker.Port);
        Assert.Equal(0, await migration.RunPlatformAsync(["migrate"]));
        await _broker.RememberQueues();
    }

    public async ValueTask DisposeAsync()
    {
        await _direct.DisposeAsync();
        await _broker.DisposeAsync();
        await _postgres.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Wires_to_database_and_broker_that_are_cut_at_one_step_after_another_lose_and_double_nothing()
    {
        await using var database = new CutWire(_postgres.Port);
        await using var broker = new CutWire(_broker.Port);
        await using var app = Build(database.Port, broker.Port);
        await app.StartAsync(Cancellation);
        await Ring();
        await AllHeardOnce();

        // From reading the feed over the confirmation to the checkpoint, and from the load to the append of the neighbour.
        for (var pieces = 0; pieces < (TestEnvironment.IsLong ? 40 : 14); pieces++)
        {
            database.CutAfter(pieces);
            await Ring();
            await Eventually.Equal(pieces + 1, () => database.Cuts, Patience);
        }

        await AllHeardOnce();
        // One fact takes nine pieces on the wire to the broker at most; a cut after more would never come.
        for (var pieces = 0; pieces < (TestEnvironment.IsLong ? 9 : 4); pieces++)
        {
            broker.CutAfter(pieces);
            await Ring();
            await Eventually.Equal(pieces + 1, () => broker.Cuts, Patience);
            await AllHeardOnce();
        }

        await app.StopAsync(Cancellation);
    }

    /// <summary>A first install brings everything up at once; a migration that gave up would be an install that failed.</summary>
    [Fact]
    public async Task What_starts_before_its_database_and_its_broker_waits_for_them()
    {
        await _postgres.Kill();
        await using var migration = Build(_postgres.Port, _broker.Port);
        var migrating = migration.RunPlatformAsync(["migrate"]);
        await _postgres.Start();
        Assert.Equal(0, await migrating.WaitAsync(Patience, Cancellation));

        await _broker.Stop();
        await using var app = Build(_postgres.Port, _broker.Port);
        var starting = app.StartAsync(Cancellation);
        await Assert.ThrowsAsync<HttpRequestException>(() => Ready(app)); // who never reached the broker serves nobody
        await _broker.Start();
        await starting.WaitAsync(Patience, Cancellation);
        await Ring();
        await AllHeardOnce();

        // One that did goes on: decisions need no broker, and questions none either.
        await _broker.Stop();
        await Eventually.Equal("200 Degraded", () => Ready(app), Patience);
        await app.StopAsync(Cancellation);
    }

    private static async Task<string> Ready(WebApplication app)
    {
        using var http = app.Services.GetRequiredService<IHttpClientFactory>().CreateClient();
        using var answer = await http.GetAsync(new Uri($"http://{app.Configuration["Listen:Health"]}/healthz/ready"), Cancellation);
        var status = System.Text.Json.JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancellation)).RootElement.GetProperty("status").GetString();
        return $"{(int)answer.StatusCode} {status}";
    }

    [Fact]
    public async Task A_broker_that_is_away_under_load_and_a_database_that_restarts_under_load_lose_and_double_nothing()
    {
        await using var app = Build(_postgres.Port, _broker.Port);
        await app.StartAsync(Cancellation);
        using var quiet = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var load = Load(quiet.Token);
        await Eventually.True(() => _rung > 20, Patience);

        await _broker.Stop();
        var before = _rung;
        var away = Stopwatch.StartNew();
        await Eventually.True(
            () => _rung > before + 200 && away.Elapsed > TestEnvironment.Load, TestEnvironment.Load + Patience, "events appended while the broker is away");
        Assert.Contains(
            await app.Services.GetRequiredService<EventFeed>().MeasureLag(Cancellation), lag => lag.Reader == "relay" && lag.Events >= 200);
        await _broker.Start();
        await _postgres.Kill();
        await _postgres.Start();
        before = _rung;
        await Eventually.True(() => _rung > before + 50, Patience, "events appended after the database came back");

        await quiet.CancelAsync();
        await load;
        await AllHeardOnce();
        await app.StopAsync(Cancellation);
    }

    private async Task Load(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await Ring();
        }
    }

    /// <summary>Appends one event on the way that nothing cuts, with one cause however often it is tried.</summary>
    private async Task Ring()
    {
        var key = $"{_rung}";
        var store = new StreamStore(_direct, EventCatalog.Of(typeof(BellEvent)), TimeProvider.System);
        await Eventually.Passes(
            () => store.Tenant(Tenant).Handle(Bell.Stream, key, _ => new BellRung(key), new Cause($"ring:{key}"), Cancellation), Patience);
        Interlocked.Increment(ref _rung);
    }

    private async Task AllHeardOnce()
    {
        await using var count = _direct.CreateCommand(
            "select count(distinct stream_id) || ' streams, ' || count(*) || ' echoes' from events.mt_events where type = 'echo_heard'");
        await Eventually.Equal($"{_rung} streams, {_rung} echoes", async () => (string)(await count.ExecuteScalarAsync(Cancellation))!, Patience);
    }

    private WebApplication Build(int databasePort, int brokerPort) => Bells.Build(
        _folder,
        new NpgsqlConnectionStringBuilder(_connection) { Port = databasePort }.ConnectionString,
        _broker.Host,
        brokerPort,
        "/",
        _broker.User,
        _broker.Password);
}
