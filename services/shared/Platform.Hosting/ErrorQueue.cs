using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Platform.Hosting;

/// <summary>
/// The commands <c>faults QUEUE</c> and <c>requeue QUEUE</c>: what lies in an error queue and why, and giving it back to the queue that it came from. With the service's own
/// user, which may touch its own queues and no others.
/// </summary>
internal static class ErrorQueue
{
    private const string Suffix = "_error";
    private const string FaultHeaders = "MT-Fault-"; // MassTransit's, put on when it gave up
    private const string Reason = "MT-Reason";

    /// <summary>Handles as many messages as were there at its start, so that one that fails again does not go round for ever.</summary>
    /// <returns>0; 1 if there is no such queue.</returns>
    public static async Task<int> Read(IServiceProvider services, string queue, bool giveBack, ILogger log)
    {
        await using var connection = await services.GetRequiredService<IOptions<RabbitMqOptions>>().Value.Connections().CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        try
        {
            var waiting = queue.EndsWith(Suffix, StringComparison.Ordinal) ? await channel.MessageCountAsync(queue) : throw new ArgumentException($"Its name ends in {Suffix}.");
            log.ErrorQueueHolds(queue, waiting);
            for (; waiting > 0 && await channel.BasicGetAsync(queue, autoAck: false) is { } message; waiting--)
            {
                log.Faulted(message.BasicProperties.MessageId, Header(message, "MT-Fault-ExceptionType"), Header(message, "MT-Fault-Message"), Header(message, "MT-Fault-Timestamp"));
                if (giveBack)
                {
                    await GiveBack(channel, queue[..^Suffix.Length], message); // what is not acknowledged is the queue's again when we go
                }
            }

            return 0;
        }
        catch (Exception unknown) when (unknown is OperationInterruptedException or PublishException or ArgumentException)
        {
            log.NoErrorQueue(queue, unknown.Message);
            return 1;
        }
    }

    /// <summary>By the exchange of the queue's own name, so that no other subscriber hears it; taken away only once the broker has confirmed it there.</summary>
    private static async Task GiveBack(IChannel channel, string queue, BasicGetResult message)
    {
        var properties = new BasicProperties(message.BasicProperties)
        {
            Headers = message.BasicProperties.Headers?
                .Where(header => !header.Key.StartsWith(FaultHeaders, StringComparison.Ordinal) && header.Key != Reason).ToDictionary(),
        };
        await channel.BasicPublishAsync(exchange: queue, routingKey: "", mandatory: true, properties, message.Body);
        await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
    }

    private static string Header(BasicGetResult message, string name) =>
        message.BasicProperties.Headers?.TryGetValue(name, out var value) is true && value is byte[] text ? Encoding.UTF8.GetString(text) : "-";
}
