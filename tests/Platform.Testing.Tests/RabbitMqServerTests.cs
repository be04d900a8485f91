using RabbitMQ.Client;

namespace Platform.Testing.Tests;

public sealed class RabbitMqServerTests(RabbitMqVirtualHost host) : IClassFixture<RabbitMqVirtualHost>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_quorum_queue_and_a_consistent_hash_exchange_can_be_declared()
    {
        await using var connection = await new ConnectionFactory { Uri = host.Address }.CreateConnectionAsync(Token);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: Token);

        await channel.QueueDeclareAsync(
            "facts", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" }, cancellationToken: Token);
        await channel.ExchangeDeclareAsync("windows", "x-consistent-hash", cancellationToken: Token);
    }

    [Fact]
    public async Task A_confirmed_message_is_there_after_a_kill_and_a_restart()
    {
        await using var own = RabbitMqServer.Own();
        await own.InitializeAsync();
        var factory = new ConnectionFactory { Uri = new Uri($"amqp://{own.User}:{own.Password}@127.0.0.1:{own.Port}/") };
        await using (var connection = await factory.CreateConnectionAsync(Token))
        {
            await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true), Token);
            await channel.QueueDeclareAsync(
                "kept", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" }, cancellationToken: Token);
            await channel.BasicPublishAsync("", "kept", mandatory: true, new BasicProperties { Persistent = true }, "fact"u8.ToArray(), Token);
            await own.RememberQueues();
            await own.Kill();
        }

        await own.Start();

        await using var again = await factory.CreateConnectionAsync(Token);
        await using var reader = await again.CreateChannelAsync(cancellationToken: Token);
        await Eventually.True(async () => await reader.BasicGetAsync("kept", autoAck: true, Token) is not null, what: "the message");
    }

    [Fact]
    public async Task A_user_reaches_only_what_was_allowed()
    {
        await using var own = RabbitMqServer.Own();
        await own.InitializeAsync();
        await own.CreateVirtualHost("platform");
        await own.CreateUser("detection", "secret");
        await own.Allow("platform", "detection", configure: "^detection-", write: "^detection-", read: "^detection-");
        var factory = new ConnectionFactory { Uri = new Uri($"amqp://detection:secret@127.0.0.1:{own.Port}/platform") };
        await using var connection = await factory.CreateConnectionAsync(Token);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: Token);

        await channel.QueueDeclareAsync("detection-windows", cancellationToken: Token);

        var refused = await Assert.ThrowsAsync<RabbitMQ.Client.Exceptions.OperationInterruptedException>(
            () => channel.QueueDeclareAsync("mitigation-facts", cancellationToken: Token));
        Assert.Equal(403, (int)refused.ShutdownReason!.ReplyCode);
    }
}
