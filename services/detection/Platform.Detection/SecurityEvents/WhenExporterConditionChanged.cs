using MassTransit;
using Platform.Contracts.Ingestion.V1;

namespace Platform.Detection.SecurityEvents;

/// <summary>Reaction: what an exporter tells can be trusted less, or again.</summary>
internal sealed class WhenExporterConditionChanged(SecurityNotes noted) : IConsumer<ExporterConditionChanged>
{
    public Task Consume(ConsumeContext<ExporterConditionChanged> context) => noted.Note(
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
}
