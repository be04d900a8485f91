using MassTransit;
using Platform.Contracts.Reporting.V1;

namespace Platform.Gateway.Incidents;

/// <summary>Reaction: open pages hear of an incident's new step. Twice or late does no harm: a page asks for the content.</summary>
internal sealed class WhenIncidentChanged(LiveIncidents pages) : IConsumer<IncidentChanged>
{
    public Task Consume(ConsumeContext<IncidentChanged> context)
    {
        pages.Publish(context.Message);
        return Task.CompletedTask;
    }

    public sealed class Definition : ConsumerDefinition<WhenIncidentChanged>
    {
        public Definition() => Endpoint(endpoint => PerReplica.Queue(endpoint, "incidents"));
    }
}
