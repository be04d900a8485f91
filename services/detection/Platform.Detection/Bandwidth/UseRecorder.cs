using System.Globalization;
using System.Threading.Channels;
using Npgsql;
using Platform.EventStore;

namespace Platform.Detection.Bandwidth;

/// <summary>Appends what minutes say about declared bandwidth, in order. While the database is away they wait; there are a few per object and hour.</summary>
internal sealed class UseRecorder(StreamStore store, ILogger<UseRecorder> log) : BackgroundService
{
    private const int MostWaiting = 100_000;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private readonly Channel<Use> _uses = Channel.CreateBounded<Use>(new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropOldest });

    public void Enqueue(Use use) => _uses.Writer.TryWrite(use);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var use in _uses.Reader.ReadAllAsync(stoppingToken))
        {
            while (!await TryRecord(use, stoppingToken))
            {
                await Task.Delay(Pause, stoppingToken);
            }
        }
    }

    private async Task<bool> TryRecord(Use use, CancellationToken cancellation)
    {
        var measured = use.Measured;
        try
        {
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

            return true;
        }
        catch (Exception fault) when (fault is NpgsqlException or TimeoutException or StreamContendedException)
        {
            log.DatabaseAway("measured bandwidth", fault.Message);
            return false;
        }
    }
}
