using MassTransit;
using Platform.Contracts.Retention.V1;

namespace Platform.Notifications.Notices;

/// <summary>
/// Reaction: every owner erased a contract's data, so the customer is told with the certificate's numbers.
/// </summary>
internal sealed class WhenErasureCertified(NoticePublisher notices) : IConsumer<ErasureCertified>
{
    public Task Consume(ConsumeContext<ErasureCertified> context)
    {
        var fact = context.Message;
        var details = fact.Counts.ToDictionary(kind => $"count/{kind.Key}", kind => Invariant($"{kind.Value}"));
        details["erasure_id"] = $"{fact.ErasureId:D}";
        details["due_at"] = Invariant($"{fact.DueAt:O}");
        details["certified_at"] = Invariant($"{fact.CertifiedAt:O}");
        return notices.TellOfErasure(context, fact.TenantId, fact.ServiceCode, details);
    }
}
