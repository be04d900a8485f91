using System.Globalization;
using System.Threading.Channels;
using Npgsql;
using Platform.Detection.Windows;
using Platform.EventStore;

namespace Platform.Detection.Bandwidth;

/// <summary>Appends what minutes say about declared bandwidth, in order. While the database is away they wait; there are a few per object and hour.</summary>
internal sealed class UseRecorder(StreamStore store, NpgsqlDataSource database, TimeProvider clock, ILogger<UseRecorder> log) : BackgroundService
{
    private const int MostWaiting = 100_000;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private readonly Channel<Use> _uses = Channel.CreateBounded<Use>(new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropOldest });

    public void Enqueue(Use use) => _uses.Writer.TryWrite(use);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var use in _uses.Reader.ReadAllAsync(stoppingToken))
        {
            await Record(use, stoppingToken);
        }
    }

    /// <summary>Until it is recorded; what fails for another reason than a database that is away is given up, or nothing behind it would ever be.</summary>
    private async Task Record(Use use, CancellationToken stopping)
    {
        var part = Guid.CreateVersion7(clock.GetUtcNow()); // what was written though we did not hear of it is not added again
        for (var failures = 0; ;)
        {
            try
            {
                await (use is UsedMinute minute ? WriteDown(database, minute, part, stopping) : Append((UseChanged)use, stopping));
                return;
            }
#pragma warning disable CA1031 // whatever it is: it must not end the recorder, nor be kept from people
            catch (Exception fault) when (!stopping.IsCancellationRequested)
#pragma warning restore CA1031
            {
                if (FindingRecorder.IsAway(fault))
                {
                    log.DatabaseAway("measured bandwidth", fault.Message);
                }
                else if (++failures >= FindingRecorder.MostAttempts)
                {
                    Telemetry.FindingFailed();
                    log.FindingFailed(fault, (use as UsedMinute)?.ObjectId ?? ((UseChanged)use).Measured.ObjectId, "its bandwidth");
                    return;
                }

                await Task.Delay(Pause, stopping);
            }
        }
    }

    private async Task Append(UseChanged use, CancellationToken cancellation)
    {
        var measured = use.Measured;
        var decision = await store.Tenant(TenantId.Of(use.TenantId)).Handle(
            BandwidthState.Stream,
            measured.ObjectId.ToString(),
            state => BandwidthDecider.Decide(state, measured, use.Peak),
            new Cause(string.Create(CultureInfo.InvariantCulture, $"use:{measured.ObjectId:N}:{measured.Minute:O}:{measured.IsAbove}")),
            cancellation);
        if (decision is Decision<BandwidthEvent>.Rejected(var reason))
        {
            log.FindingRefused(reason.Code, measured.ObjectId); // an erased object
        }
    }

    internal static async Task WriteDown(NpgsqlDataSource database, UsedMinute used, Guid part, CancellationToken cancellation)
    {
        await using var insert = database.CreateCommand(
            """
            insert into views.used_minutes_v2 (tenant_id, service_code, object_id, minute, part, bits, is_attacked)
            values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing
            """);
        insert.Parameters.Add(new() { Value = used.TenantId });
        insert.Parameters.Add(new() { Value = used.ServiceCode });
        insert.Parameters.Add(new() { Value = used.ObjectId });
        insert.Parameters.Add(new() { Value = used.Minute });
        insert.Parameters.Add(new() { Value = part });
        insert.Parameters.Add(new() { Value = used.Bits });
        insert.Parameters.Add(new() { Value = used.IsAttacked });
        await insert.ExecuteNonQueryAsync(cancellation);
    }
}
