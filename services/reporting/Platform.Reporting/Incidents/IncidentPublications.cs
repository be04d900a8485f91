using Platform.EventStore;
using Platform.Hosting;
using Published = Platform.Contracts.Reporting.V1;

namespace Platform.Reporting.Incidents;

/// <summary>What neighbours may know of an incident: that its timeline changed, and the report's numbers.</summary>
internal sealed class IncidentPublications : IPublications
{
    public object? Publish(RecordedEvent recorded) => recorded.Data switch
    {
        IncidentStepRecorded e => new Published.IncidentChanged
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.ServiceCode,
            IncidentId = Guid.Parse(recorded.StreamKey),
            Step = e.Step,
            Status = e.Late ? IncidentStatus.Closed : IncidentStatus.Open,
            ChangedAt = e.HappenedAt,
        },
        IncidentClosed e => new Published.IncidentChanged
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.ServiceCode,
            IncidentId = e.IncidentId,
            Step = IncidentSteps.ReportPublished,
            Status = IncidentStatus.Closed,
            ChangedAt = e.ClosedAt,
        },
        IncidentReportPublished e => new Published.IncidentReportPublished
        {
            TenantId = recorded.TenantId.ToGuid(),
            ServiceCode = e.ServiceCode,
            IncidentId = e.IncidentId,
            Target = e.Target,
            PeakBitsPerSecond = e.PeakBitsPerSecond,
            PeakPacketsPerSecond = e.PeakPacketsPerSecond,
            MitigationResult = e.MitigationResult,
            DetectedAt = e.DetectedAt,
            PublishedAt = e.PublishedAt,
        },
        _ => null,
    };
}

/// <summary>Status of an incident, as it stands in contracts and pages.</summary>
internal static class IncidentStatus
{
    public const string Open = "open";
    public const string Closed = "closed";
}
