using System.Net;
using Grpc.Core;
using Microsoft.Extensions.Options;

namespace Platform.Mitigation.Bgp;

/// <summary>
/// Each route says itself when it ends; here it is taken at its word. No database, stream or election is asked, so it goes when all of these are away, also
/// after a restart. Every replica does it: withdrawing twice changes nothing.
/// </summary>
/// <remarks>
/// Abroad it is the promise itself, and looked at as often as the reconciler looks. At home the reconciler is in time, and this is for when it cannot work: a
/// tenth as often, and later by more than clocks of replicas differ, so that no two of them ever pull at a route.
/// </remarks>
internal sealed class ExpiredRoutes(IOptions<BgpOptions> options, TimeProvider clock, ILogger<ExpiredRoutes> log) : BackgroundService
{
    public static readonly TimeSpan LateAtHome = TimeSpan.FromSeconds(30);
    private const int SeldomAtHome = 10;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(options.Value.Speakers.Select(speaker => Keep(speaker, stoppingToken)));

    private async Task Keep(SpeakerOptions at, CancellationToken stopping)
    {
        var (pause, late) = at.IsAbroad ? (options.Value.CompareInterval, TimeSpan.Zero) : (SeldomAtHome * options.Value.CompareInterval, LateAtHome);
        var nothingInParticular = Task.FromResult<IReadOnlyList<IPNetwork>>([]);
        using var speaker = new BgpSpeaker(at, (uint)options.Value.PathIdentifier, options.Value.Timeout, pools: []);
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var expired = (await speaker.ReadOwn(nothingInParticular, stopping)).Where(route => route.ExpiresAt + late <= clock.GetUtcNow()).ToList();
                if (expired.Count > 0)
                {
                    await speaker.Apply([], expired, stopping);
                    Telemetry.Applied(at.Name, added: 0, expired.Count);
                    log.TableChanged(at.Name, added: 0, expired.Count);
                }
            }
            catch (RpcException)
            {
                // It is away: the reconciler says so, and here it is knocked at again. Or this ends, and the pause says so.
            }
            catch (Exception fault) when (!stopping.IsCancellationRequested)
            {
                log.FailedAlone(fault, $"The expiry of routes at {at.Name}");
            }

            await Task.Delay(pause, stopping);
        }
    }
}
