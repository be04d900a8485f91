using System.Net;
using Grpc.Core;
using Microsoft.Extensions.Options;

namespace Platform.Mitigation.Bgp;

/// <summary>
/// A route at a speaker abroad says itself when it ends; here it is taken at its word. No database, stream or election is asked, so it goes when all of
/// these are away, also after a restart. Every replica does it: withdrawing twice changes nothing.
/// </summary>
internal sealed class ExpiredRoutes(IOptions<BgpOptions> options, TimeProvider clock, ILogger<ExpiredRoutes> log) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(options.Value.Speakers.Where(speaker => speaker.IsAbroad).Select(speaker => Keep(speaker, stoppingToken)));

    private async Task Keep(SpeakerOptions abroad, CancellationToken stopping)
    {
        var nothingInParticular = Task.FromResult<IReadOnlyList<IPNetwork>>([]);
        using var speaker = new BgpSpeaker(abroad, (uint)options.Value.PathIdentifier, options.Value.Timeout, pools: []);
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var expired = (await speaker.ReadOwn(nothingInParticular, stopping)).Where(route => route.ExpiresAt <= clock.GetUtcNow()).ToList();
                if (expired.Count > 0)
                {
                    await speaker.Apply([], expired, stopping);
                    Telemetry.Applied(abroad.Name, added: 0, expired.Count);
                    log.TableChanged(abroad.Name, added: 0, expired.Count);
                }
            }
            catch (RpcException) when (!stopping.IsCancellationRequested)
            {
                // It is away: the reconciler says so, and here it is knocked at again.
            }
            catch (Exception fault) when (!stopping.IsCancellationRequested)
            {
                log.FailedAlone(fault, $"The expiry of routes at {abroad.Name}");
            }

            await Task.Delay(options.Value.CompareInterval, stopping);
        }
    }
}
