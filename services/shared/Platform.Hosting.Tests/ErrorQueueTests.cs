using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Platform.EventStore;
using Platform.Testing;
using RabbitMQ.Client;

namespace Platform.Hosting.Tests;

/// <summary>A fact that a release could not handle takes effect after the next one and the command <c>requeue</c>.</summary>
[Trait("Requirement", "R197")]
public sealed class ErrorQueueTests(PostgresDatabase database, RabbitMqVirtualHost broker)
    : IClassFixture<PostgresDatabase>, IClassFixture<RabbitMqVirtualHost>, IDisposable
{
    private const string Queue = "bells-when-bell-rang";
    private static readonly TenantId Tenant = TenantId.Of(Guid.Parse("0190bbbb-0000-7000-8000-000000000001"));
    private readonly string _folder = Directory.CreateTempSubdirectory("errors").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_failed_is_shown_and_given_back_to_its_queue()
    {
        Assert.Equal(0, await Run("migrate"));
        await using var app = Build();
        var store = app.Services.GetRequiredService<StreamStore>().Tenant(Tenant);
        await app.StartAsync(Cancellation);
        await store.Handle(Bell.Stream, "1", _ => new BellRung(WhenBellRang.Cracked), new Cause("test:cracked"), Cancellation);
        await Eventually.Equal(1u, Failed, TimeSpan.FromSeconds(60));

        Assert.Equal(0, await Run("faults", Queue + "_error"));
        await Eventually.Equal(1u, Failed); // looked at, not taken
        Assert.Equal(0L, (await store.Load(Echo.Stream, "1", Cancellation)).Version);

        WhenBellRang.IsMended = true;
        Assert.Equal(0, await Run("requeue", Queue + "_error"));

        await Eventually.Equal(1L, async () => (await store.Load(Echo.Stream, "1", Cancellation)).Version);
        Assert.Equal(0u, await Failed());
        Assert.Equal("", await NotApproved(app));
        await app.StopAsync(Cancellation);
    }

    [Theory]
    [InlineData("bells-nothing_error")]
    [InlineData(Queue)] // no error queue: its messages are nobody's to give back
    public async Task Another_queue_is_refused(string queue)
    {
        Assert.Equal(0, await Run("migrate"));
        Assert.Equal(1, await Run("requeue", queue));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Of libraries as well, and what they count only when something fails: an operator's dashboards are built on these names.</summary>
    private static async Task<string> NotApproved(WebApplication app)
    {
        using var http = new HttpClient(new SocketsHttpHandler());
        var metrics = await http.GetStringAsync(new Uri($"http://{app.Configuration["Listen:Health"]}/metrics"), Cancellation);
        Assert.Contains("db_client_operation_duration_seconds_bucket", metrics, StringComparison.Ordinal);
        var approved = File.ReadLines(Repository.Path("tests", "Platform.ChartTests", "metrics.txt"));
        return string.Join('\n', metrics.Split('\n').Where(line => line.StartsWith("# TYPE ", StringComparison.Ordinal)).Select(line => line[7..]).Except(approved).Order(StringComparer.Ordinal));
    }

    private async Task<uint> Failed()
    {
        await using var connection = await new ConnectionFactory { Uri = broker.Address }.CreateConnectionAsync(Cancellation);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: Cancellation);
        try
        {
            return await channel.MessageCountAsync(Queue + "_error", Cancellation);
        }
        catch (RabbitMQ.Client.Exceptions.OperationInterruptedException)
        {
            return 0; // it is made for the first that fails
        }
    }

    private async Task<int> Run(params string[] command)
    {
        await using var app = Build();
        return await app.RunPlatformAsync(command);
    }

    private WebApplication Build() =>
        Bells.Build(_folder, database.ConnectionString, broker.Host, broker.Port, broker.Name, broker.User, broker.Password);
}
