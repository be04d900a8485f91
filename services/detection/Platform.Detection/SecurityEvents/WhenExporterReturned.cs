using MassTransit;
using Platform.Contracts.Ingestion.V1;

namespace Platform.Detection.SecurityEvents;

/// <summary>Reaction: an exporter is heard, for the first time or again; tenants that were told of its silence are told of its end.</summary>
internal sealed class WhenExporterReturned(SecurityNotes noted, ExporterTenants tenants) : IConsumer<ExporterReturned>
{
    public async Task Consume(ConsumeContext<ExporterReturned> context)
    {
        await noted.Note(
            new SecurityEvent(
                context.MessageId!.Value,
                TenantId: null,
                context.Message.ReturnedAt,
                EventSeverity.Info,
                "exporter-returned",
                context.Message.Address,
                $"{context.Message.Address} is heard",
                $"{context.Message.Address}からフロー情報を受信しています"),
            context.CancellationToken);
        await tenants.Tell(context.Message, context.CancellationToken);
    }
}
