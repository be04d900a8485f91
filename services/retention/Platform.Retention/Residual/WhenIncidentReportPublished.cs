using MassTransit;
using Npgsql;
using Platform.Contracts.Reporting.V1;

namespace Platform.Retention.Residual;

/// <summary>
/// Reaction: a detection is finished, so its four residual facts are kept: when, against which address, how much, with
/// what result (R16).
/// </summary>
internal sealed class WhenIncidentReportPublished(NpgsqlDataSource database) : IConsumer<IncidentReportPublished>
{
    public async Task Consume(ConsumeContext<IncidentReportPublished> context)
    {
        var report = context.Message;
        await using var command = database.CreateCommand("""
            with first_time as (
                insert into intake.residual_messages (message_id) values ($1)
                on conflict do nothing returning message_id
            )
            insert into residual.detections
                (detected_at, attacked_address, volume_bits_per_second, volume_packets_per_second, mitigation_result)
            select $2, $3::cidr, $4, $5, $6 from first_time
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = context.MessageId!.Value });
        command.Parameters.Add(new NpgsqlParameter { Value = report.DetectedAt.ToUniversalTime() });
        command.Parameters.Add(new NpgsqlParameter { Value = report.Target });
        command.Parameters.Add(new NpgsqlParameter { Value = report.PeakBitsPerSecond });
        command.Parameters.Add(new NpgsqlParameter { Value = report.PeakPacketsPerSecond });
        command.Parameters.Add(new NpgsqlParameter { Value = report.MitigationResult });
        await command.ExecuteNonQueryAsync(context.CancellationToken);
    }
}
