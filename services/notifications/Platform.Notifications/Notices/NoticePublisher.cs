using MassTransit;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Hosting.Erasures;

namespace Platform.Notifications.Notices;

/// <summary>Publishes what a consumer heard as a notice.</summary>
internal sealed class NoticePublisher(StreamStore store, ErasedContracts erased, TimeProvider clock)
{
    /// <summary>A notice about a contract's incident; none once the contract's data has been erased.</summary>
    public Task Tell<T>(
        ConsumeContext<T> context, Guid tenantId, string serviceCode, string kind, Dictionary<string, string> details)
        where T : class =>
        erased.Unless(
            serviceCode, () => Publish(context, tenantId, serviceCode, kind, details), context.CancellationToken);

    /// <summary>The notice that a contract's data is gone: it outlives the data.</summary>
    public Task TellOfErasure<T>(
        ConsumeContext<T> context, Guid tenantId, string serviceCode, Dictionary<string, string> details)
        where T : class => Publish(context, tenantId, serviceCode, NoticeKinds.ErasureCertified, details);

    private async Task Publish<T>(
        ConsumeContext<T> context, Guid tenantId, string serviceCode, string kind, Dictionary<string, string> details)
        where T : class
    {
        var id = context.MessageId ?? throw new InvalidOperationException("A fact without message id has no identity.");
        var command = new PublishNotice(id, serviceCode, kind, details, clock.GetUtcNow());
        var decision = await store.Tenant(TenantId.Of(tenantId)).Handle(
            NoticeState.Stream,
            $"{id:D}",
            state => NoticeDecider.Decide(state, command),
            context.Cause(),
            context.CancellationToken);
        if (decision is Decision<NoticeEvent>.Accepted { Events.Count: > 0 })
        {
            Telemetry.Published(kind);
        }
    }
}
