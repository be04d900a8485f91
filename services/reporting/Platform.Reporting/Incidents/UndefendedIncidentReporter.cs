using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;

namespace Platform.Reporting.Incidents;

/// <summary>
/// Looks for attacks that are over and of which mitigation never said a word. Every replica may run it: the view only
/// says where to
/// look, the rules decide.
/// </summary>
internal sealed class UndefendedIncidentReporter(
    NpgsqlDataSource database,
    IncidentRecorder incidents,
    IOptions<ReportOptions> options,
    TimeProvider clock,
    ILogger<UndefendedIncidentReporter> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.CheckInterval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await PublishDue(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                log.TickFailed(fault); // what is due stays due: the next tick finds it again
            }
        }
    }

    internal async Task PublishDue(CancellationToken cancellationToken)
    {
        var command = new ReportWithoutMitigation(options.Value.GraceWithoutMitigation, clock.GetUtcNow());
        foreach (var (tenant, incidentId, serviceCode) in await Due(command, cancellationToken))
        {
            await incidents.Report(tenant, incidentId, serviceCode, command, cancellationToken);
        }
    }

    private async Task<List<(TenantId Tenant, Guid IncidentId, string ServiceCode)>> Due(
        ReportWithoutMitigation command, CancellationToken cancellationToken)
    {
        await using var query = database.CreateCommand("""
            select tenant_id, incident_id, service_code from views.incidents
            where reported_at is null and not has_mitigation
              and detected_at is not null and ended_at is not null and settled_since <= $1
            limit 100
            """);
        query.Parameters.Add(new NpgsqlParameter { Value = command.At - command.Grace });
        var due = new List<(TenantId, Guid, string)>();
        await using var reader = await query.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            due.Add((TenantId.Parse(reader.GetString(0)), reader.GetGuid(1), reader.GetString(2)));
        }

        return due;
    }
}
