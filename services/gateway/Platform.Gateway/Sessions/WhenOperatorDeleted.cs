using MassTransit;
using Platform.Contracts.Accounts.V1;

namespace Platform.Gateway.Sessions;

/// <summary>Reaction: what this replica believes of a deleted operator is forgotten, so the next request ends the session.</summary>
internal sealed class WhenOperatorDeleted(SessionCheck sessions) : IConsumer<OperatorDeleted>
{
    public Task Consume(ConsumeContext<OperatorDeleted> context)
    {
        sessions.Forget(context.Message.OperatorId.ToString());
        return Task.CompletedTask;
    }

    public sealed class Definition : ConsumerDefinition<WhenOperatorDeleted>
    {
        // Every replica hears it, and a replica that is gone hears nothing: a queue of its own that goes with it.
        public Definition() => Endpoint(endpoint => PerReplica.Queue(endpoint, "operators"));
    }
}
