using System.Text.Json;
using MassTransit;
using Npgsql;
using Platform.Contracts.Detection.V1;

namespace Platform.Retention.Residual;

/// <summary>
/// Reaction: an object has a new version, so its prefixes, thresholds and version are kept (R17); its name is not.
/// </summary>
internal sealed class WhenThresholdsChanged(NpgsqlDataSource database) : IConsumer<ThresholdsChanged>
{
    public async Task Consume(ConsumeContext<ThresholdsChanged> context)
    {
        var changed = context.Message;
        var thresholds = JsonSerializer.Serialize(changed.Thresholds.Select(threshold => new
        {
            vector = threshold.Vector,
            bits_per_second = threshold.BitsPerSecond,
            packets_per_second = threshold.PacketsPerSecond,
        }));
        await using var command = database.CreateCommand("""
            with first_time as (
                insert into intake.residual_messages (message_id) values ($1)
                on conflict do nothing returning message_id
            )
            insert into residual.configurations (prefixes, thresholds, version)
            select $2::text[]::cidr[], $3::jsonb, $4 from first_time
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = context.MessageId!.Value });
        command.Parameters.Add(new NpgsqlParameter { Value = changed.Prefixes.ToArray() });
        command.Parameters.Add(new NpgsqlParameter { Value = thresholds });
        command.Parameters.Add(new NpgsqlParameter { Value = changed.Version });
        await command.ExecuteNonQueryAsync(context.CancellationToken);
    }
}
