using MassTransit;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Retention.Erasures;

/// <summary>Reaction: an owner erased its part, so the case is closed when it was the last.</summary>
internal sealed class WhenDataErased(StreamStore store, TimeProvider clock, ILogger<WhenDataErased> log)
    : IConsumer<DataErased>
{
    public async Task Consume(ConsumeContext<DataErased> context)
    {
        var answer = context.Message;
        var command = new ConfirmOwnerErasure(answer.Owner, answer.Counts, answer.ErasedAt, clock.GetUtcNow());
        var decision = await store.Tenant(TenantId.Provider).Handle(
            ErasureState.Stream,
            $"{answer.ErasureId:D}",
            state => ErasureDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);
        decision.Note(context, log);
        if (decision is Decision<ErasureEvent>.Accepted(var events) && events.OfType<ErasureCertified>().Any())
        {
            Telemetry.Certified();
            log.ErasureCertified(answer.ServiceCode, answer.ErasureId);
        }
    }
}
