using MassTransit;
using Platform.Contracts.Ingestion.V1;

namespace Platform.Detection.SecurityEvents;

/// <summary>Reaction: what an exporter tells can be trusted less, or again: said to the provider, and to the tenants whose traffic it carries.</summary>
internal sealed class WhenExporterConditionChanged(SecurityNotes noted, ExporterTenants tenants) : IConsumer<ExporterConditionChanged>
{
    public async Task Consume(ConsumeContext<ExporterConditionChanged> context)
    {
        await noted.Note(
            new SecurityEvent(
                context.MessageId!.Value,
                TenantId: null,
                context.Message.ChangedAt,
                context.Message.Condition switch
                {
                    "exporter-losing" or "clock-skewed" => EventSeverity.Medium,
                    "sampling-changed" => EventSeverity.Low,
                    _ => EventSeverity.Info,
                },
                context.Message.Condition,
                context.Message.Address,
                $"{context.Message.Address}: {context.Message.Detail}",
                context.Message.DetailJa is { } japanese
                    ? $"{context.Message.Address}: {japanese}"
                    : EarlierEvents.InJapanese(context.Message.Condition, context.Message.Address, $"{context.Message.Address}: {context.Message.Detail}")),
            context.CancellationToken);
        await tenants.Tell(context.MessageId!.Value, context.Message, context.CancellationToken);
    }
}
