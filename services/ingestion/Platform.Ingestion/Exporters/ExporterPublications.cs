using Platform.EventStore;
using Platform.Hosting;
using Published = Platform.Contracts.Ingestion.V1;

namespace Platform.Ingestion.Exporters;

/// <summary>What neighbours may know: silence and return, and what makes it less trustworthy.</summary>
internal sealed class ExporterPublications : IPublications
{
    public object? Publish(RecordedEvent recorded) => recorded.Data switch
    {
        ExporterFellSilent e => new Published.ExporterFellSilent
        {
            ExporterId = e.ExporterId,
            Address = e.Address,
            LastSeenAt = e.LastSeenAt,
            SilentAt = e.SilentAt,
        },
        ExporterReturned e => new Published.ExporterReturned
        {
            ExporterId = e.ExporterId,
            Address = e.Address,
            ReturnedAt = e.ReturnedAt,
        },
        ExporterConditionChanged e => new Published.ExporterConditionChanged
        {
            ExporterId = e.ExporterId,
            Address = e.Address,
            Condition = e.Condition,
            Detail = e.Detail,
            DetailJa = e.DetailJa,
            ChangedAt = e.ChangedAt,
        },
        _ => null,
    };
}
