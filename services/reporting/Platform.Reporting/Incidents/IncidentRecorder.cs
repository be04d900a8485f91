using System.Diagnostics;
using MassTransit;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Hosting.Erasures;

namespace Platform.Reporting.Incidents;

/// <summary>Writes into the streams of incidents, unless the contract's data has been erased.</summary>
internal sealed class IncidentRecorder(StreamStore store, ErasedContracts erased, TimeProvider clock)
{
    public Task Record<T>(
        ConsumeContext<T> context,
        Guid tenantId,
        Guid anomalyId,
        string serviceCode,
        string step,
        DateTimeOffset happenedAt,
        IncidentFindings findings,
        Dictionary<string, string> details,
        string? actor = null)
        where T : class
    {
        var command = new RecordStep(
            context.MessageId ?? throw new InvalidOperationException("A fact without message id has no identity."),
            anomalyId,
            serviceCode,
            step,
            happenedAt,
            actor ?? ActorOf(step),
            findings,
            details,
            clock.GetUtcNow());
        var (before, tenant, key) = (IncidentState.Stream.Initial, store.Tenant(TenantId.Of(tenantId)), $"{anomalyId:D}");
        return erased.Unless(
            serviceCode,
            async () =>
            {
                using var activity = step is IncidentSteps.AnomalyEnded or IncidentSteps.MitigationEnded or IncidentSteps.MitigationFailed
                    ? await InTheTraceOfTheWindow(tenant, key, context.CancellationToken)
                    : null;
                Count(
                    await tenant.Handle(
                        IncidentState.Stream, key, state => IncidentDecider.Decide(before = state, command), context.Cause(), context.CancellationToken),
                    before);
            },
            context.CancellationToken);
    }

    /// <summary>Publishes the report of an attack of which mitigation never said a word.</summary>
    public Task Report(
        TenantId tenant,
        Guid incidentId,
        string serviceCode,
        ReportWithoutMitigation command,
        CancellationToken cancellationToken) =>
        erased.Unless(
            serviceCode,
            async () =>
            {
                using var activity = await InTheTraceOfTheWindow(store.Tenant(tenant), $"{incidentId:D}", cancellationToken);
                Count(
                    await store.Tenant(tenant).Handle(
                        IncidentState.Stream,
                        $"{incidentId:D}",
                        state => IncidentDecider.Decide(state, command),
                        new Cause("grace-passed"),
                        cancellationToken),
                    IncidentState.Stream.Initial);
            },
            cancellationToken);

    /// <summary>What ends an attack comes with a trace of its own, or from a timer with none; a report belongs to the trace that began with its first window.</summary>
    private static async Task<Activity?> InTheTraceOfTheWindow(TenantSession tenant, string key, CancellationToken cancellationToken)
    {
        var begun = await tenant.Read(IncidentState.Stream, key, cancellationToken) is [var first, ..] ? first.Metadata.TraceParent : null;
        ActivityContext.TryParse(begun, null, isRemote: true, out var window);
        return Telemetry.Source.StartActivity("report", ActivityKind.Internal, window, links: Activity.Current is { } ending ? [new(ending.Context)] : null);
    }

    private static void Count(Decision<IncidentEvent> decision, IncidentState before)
    {
        DateTimeOffset? over = null;
        foreach (var happened in decision is Decision<IncidentEvent>.Accepted(var events) ? events : [])
        {
            switch (happened)
            {
                case IncidentStepRecorded step:
                    Telemetry.Recorded(step.Step);
                    over = step.Step is IncidentSteps.AnomalyEnded or IncidentSteps.MitigationEnded ? step.HappenedAt : null;
                    if (step.Findings.InForce is not null && !before.IsAnswered && before.DetectedAt is { } detected)
                    {
                        Telemetry.Answered(step.HappenedAt - detected);
                    }

                    break;
                case IncidentReportPublished report:
                    Telemetry.Reported(report.MitigationResult, report.PublishedAt - over);
                    break;
            }
        }
    }

    private static string ActorOf(string step) =>
        step.StartsWith("anomaly-", StringComparison.Ordinal) ? "detection" : "mitigation";
}
