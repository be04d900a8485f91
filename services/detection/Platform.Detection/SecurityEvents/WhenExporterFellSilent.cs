using System.Globalization;
using MassTransit;
using Platform.Contracts.Ingestion.V1;

namespace Platform.Detection.SecurityEvents;

/// <summary>Reaction: an exporter fell silent, which is an event of the provider's network and of the tenants whose traffic it carries.</summary>
internal sealed class WhenExporterFellSilent(SecurityNotes noted, ExporterTenants tenants) : IConsumer<ExporterFellSilent>
{
    public async Task Consume(ConsumeContext<ExporterFellSilent> context)
    {
        await noted.Note(
            new SecurityEvent(
                context.MessageId!.Value,
                TenantId: null,
                context.Message.SilentAt,
                EventSeverity.High,
                "exporter-silent",
                context.Message.Address,
                string.Create(CultureInfo.InvariantCulture,
                    $"nothing was heard of {context.Message.Address} since {context.Message.LastSeenAt:yyyy-MM-dd HH:mm:ss} UTC: attacks that it carries are not seen"),
                string.Create(CultureInfo.InvariantCulture,
                    $"{context.Message.LastSeenAt:yyyy-MM-dd HH:mm:ss} UTC以降、{context.Message.Address}からフロー情報を受信していません。この機器を通る攻撃は検知できません")),
            context.CancellationToken);
        await tenants.Tell(context.Message, context.CancellationToken);
    }
}
