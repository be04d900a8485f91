using System.Net;
using Grpc.Core;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.EventStore;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Bgp;

/// <summary>
/// While the views cannot be asked, as after a start when a projection stands still, the reconciler changes nothing; an end must come all the same. Here it
/// is asked of the streams themselves what expired, was withdrawn or dropped, and that is taken out of the speakers. Nothing is put in, and what no stream
/// says is over is left alone.
/// </summary>
/// <remarks>Every replica does it: withdrawing twice changes nothing. It reads every open stream, which is why it is not done while the views tell.</remarks>
internal sealed class RoutesPastTheirEnd(
    NpgsqlDataSource database,
    StreamStore store,
    CurrentViews views,
    IOptions<BgpOptions> options,
    IOptions<ScrubberOptions> scrubbers,
    TimeProvider clock,
    ILogger<RoutesPastTheirEnd> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Interval, stoppingToken);
            try
            {
                if (await views.Network.IsBehind(stoppingToken))
                {
                    var open = await ReadOpen(stoppingToken);
                    await Task.WhenAll(options.Value.Speakers.Select(speaker => Withdraw(speaker, open, stoppingToken)));
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                log.ReconcilerWaits(fault);
            }
        }
    }

    private async Task<IReadOnlyList<MitigationState>> ReadOpen(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select tenant_id, substr(stream_id, length($3) + 2) from events.mt_events begun
            where type = $1 and stream_id like $3 || ':%'
              and not exists (select from events.mt_events over
                  where over.tenant_id = begun.tenant_id and over.stream_id = begun.stream_id and over.type = $2)
            """);
        command.Parameters.Add(new() { Value = EventCatalog.NameOf(typeof(MitigationStarted)) });
        command.Parameters.Add(new() { Value = EventCatalog.NameOf(typeof(MitigationEnded)) });
        command.Parameters.Add(new() { Value = MitigationState.Stream.Name });
        var keys = new List<(string Tenant, string Key)>();
        await using (var row = await command.ExecuteReaderAsync(cancellation))
        {
            while (await row.ReadAsync(cancellation))
            {
                keys.Add((row.GetString(0), row.GetString(1)));
            }
        }

        var open = new List<MitigationState>();
        foreach (var (tenant, key) in keys)
        {
            try
            {
                open.Add((await store.Tenant(TenantId.Parse(tenant)).Load(MitigationState.Stream, key, cancellation)).State);
            }
            catch (Exception fault) when (fault is not NpgsqlException && !cancellation.IsCancellationRequested)
            {
                log.FailedAlone(fault, $"The end of mitigation {key}"); // what cannot be read may be why the views stand still
            }
        }

        return open;
    }

    private async Task Withdraw(SpeakerOptions from, IReadOnlyList<MitigationState> open, CancellationToken cancellation)
    {
        using var speaker = new BgpSpeaker(from, (uint)options.Value.PathIdentifier, options.Value.Timeout, scrubbers.Value.Pools);
        try
        {
            var now = clock.GetUtcNow();
            var (standing, past) = (new HashSet<string>(), new Dictionary<string, IPNetwork>());
            foreach (var (mitigation, it) in open.SelectMany(mitigation => mitigation.Countermeasures.Values.Select(it => (mitigation, it))))
            {
                var isStanding = mitigation.Status is MitigationStatus.Standing && it.Stage is CountermeasureStage.Wanted && mitigation.ExpiresAt > now;
                if (it.IsInNetwork
                    && speaker.RouteFor(new CountermeasureSpec(it.Kind, it.Prefix, it.Rule, it.Pool), mitigation.ExpiresAt) is { } route)
                {
                    _ = isStanding ? standing.Add(route.Key) : past.TryAdd(route.Key, it.Prefix);
                }
            }

            foreach (var key in standing)
            {
                past.Remove(key); // of two for the same prefix one stands on
            }

            var surplus = past.Count == 0 ? [] : (await speaker.ReadAt([.. past.Values.Distinct()], cancellation)).Where(route => past.ContainsKey(route.Key)).ToList();
            if (surplus.Count > 0)
            {
                await speaker.Apply([], surplus, cancellation);
                Telemetry.Applied(from.Name, added: 0, surplus.Count);
                log.TableChanged(from.Name, added: 0, surplus.Count);
            }
        }
        catch (RpcException) when (!cancellation.IsCancellationRequested)
        {
            // It is away: the reconciler says so, and here it is asked again.
        }
    }
}
