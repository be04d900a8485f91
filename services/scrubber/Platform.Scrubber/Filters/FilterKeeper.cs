using System.Collections.Immutable;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Options;
using Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Scrubber.Filters;

/// <summary>
/// Tells the controller what the kernel holds and counted, hears what it shall hold, and makes it so. While the controller is away nothing is
/// touched: the filters go on, and end by themselves when their lease has run out.
/// </summary>
internal sealed class FilterKeeper(NftTable table, ReturnRoutes routes, IOptions<ScrubberOptions> options, TimeProvider clock, ILogger<FilterKeeper> log)
    : BackgroundService
{
    /// <summary>Until a controller was heard: the longest that one may say.</summary>
    private static readonly TimeSpan LongestLease = TimeSpan.FromHours(1);

    /// <summary>Destinations that are looked at together.</summary>
    private const int AtOnce = 16;

    private DateTimeOffset _leaseEndsAt;

    private string _noWayBack = "";
    private IReadOnlyList<string> _returned = [];

    private int _looked;

    private Standing _standing = new("", ImmutableDictionary<string, HeldFilter>.Empty);

    private readonly Dictionary<string, FilterCounters> _told = [];

    /// <summary>What filters stays until its lease runs out; an empty table goes with us.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await table.RemoveIfEmpty(cancellationToken);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            log.KernelRefuses(fault.Message);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // A controller that is cut off silently is noticed within seconds, not minutes: the next connection may find another way.
        using var channel = GrpcChannel.ForAddress(options.Value.Controller!, new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                EnableMultipleHttp2Connections = true,
                ConnectTimeout = TimeSpan.FromSeconds(2),
                KeepAlivePingDelay = TimeSpan.FromSeconds(2),
                KeepAlivePingTimeout = TimeSpan.FromSeconds(2),
                KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            },
            DisposeHttpClient = true,
        });
        var controller = new Scrubbers.ScrubbersClient(channel);
        var (isAway, canSynProxy) = (false, (bool?)null);
        _leaseEndsAt = clock.GetUtcNow() + LongestLease;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (canSynProxy is null)
                {
                    canSynProxy = options.Value.SynProxy && await table.CanSynProxy(stoppingToken);
                    log.SynProxy(canSynProxy.Value);
                }

                await Sync(controller, canSynProxy.Value, stoppingToken);
                if (isAway)
                {
                    isAway = false;
                    log.ControllerReturned();
                }
            }
            catch (RpcException fault) when (!stoppingToken.IsCancellationRequested)
            {
                Telemetry.ControllerAway();
                if (!isAway)
                {
                    isAway = true;
                    log.ControllerAway(options.Value.Controller!, fault.Status.Detail);
                }

                if (clock.GetUtcNow() >= _leaseEndsAt)
                {
                    await KeepRoutes(diverted: [], proxied: [], path: null, LongestLease, stoppingToken); // filters the kernel forgets by itself, routes it does not
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested) // whatever it was, it is tried again
            {
                Telemetry.Changed("refused");
                log.KernelRefuses(fault.Message);
            }

            await Task.Delay(options.Value.SyncInterval, stoppingToken);
        }
    }

    private async Task Sync(Scrubbers.ScrubbersClient controller, bool canSynProxy, CancellationToken cancellation)
    {
        var held = await table.Read(cancellation);
        foreach (var gone in _told.Keys.Where(name => !held.Counters.ContainsKey(name)).ToList())
        {
            _told.Remove(gone);
        }

        var put = _standing.Held.Count;
        var inTurn = _standing.Held.Keys.Order(StringComparer.Ordinal).ElementAtOrDefault(put == 0 ? 0 : _looked++ % put);
        await Confirm(held, inTurn is null ? [] : [inTurn], cancellation);
        var standing = _standing;
        var isWhole = standing.Held.Count == put;
        var answer = await Ask(controller, standing, held, canSynProxy, cancellation);
        _leaseEndsAt = clock.GetUtcNow() + TimeSpan.FromSeconds(answer.LeaseSeconds);
        string[] proxied = [.. answer.Filters.Where(filter => canSynProxy && NftRuleset.IsSynProxy(filter)).Select(filter => filter.Destination)];
        await KeepRoutes(
            answer.Diverted, proxied, answer.ReturnPath, TimeSpan.FromSeconds(answer.LeaseSeconds), cancellation); // told with the next question: diversions wait for it
        var text = string.Join('\n', answer.Filters.OrderBy(filter => filter.FilterId, StringComparer.Ordinal).Select(TextOf));
        var now = clock.GetUtcNow();
        var lease = TimeSpan.FromSeconds(answer.LeaseSeconds);
        if (isWhole && text == standing.Filters && standing.Held.Keys.ToHashSet().SetEquals(held.Counters.Keys) && !answer.Filters.Any(IsDue))
        {
            return;
        }

        Filter[] filters = [.. answer.Filters.Select(filter => canSynProxy ? filter : NftRuleset.WithoutSynProxy(filter))];
        var applied = await table.Apply(filters, lease, held.Counters.Keys.ToImmutableHashSet(), cancellation);
        Telemetry.Changed("applied");
        foreach (var refused in filters.Except(applied))
        {
            Telemetry.Changed("refused");
            log.FilterRefused(refused.FilterId); // addresses stay out of logs: abroad they may not outlive the defence
        }

        var isNews = text != standing.Filters;
        // Kept at once: whatever is not reached below, this is in the kernel.
        _standing = new Standing(
            text,
            applied
                .Select(it => new HeldFilter(it.FilterId, NftRuleset.SignaturesOf(options.Value.Table, it), now + NftRuleset.LifeOf(it, lease)))
                .ToImmutableDictionary(it => it.Name));
        held = await table.Read(cancellation);
        await Confirm(held, [.. _standing.Held.Keys.Where(name => !standing.Held.ContainsKey(name))], cancellation);
        if (isNews)
        {
            log.Applied(_standing.Held.Count);
            await Ask(controller, _standing, held, canSynProxy, cancellation); // read back, and told at once
        }

        // A third of its life is over: by time, or because its expiry was moved on. What is about to end anyway is left to end.
        bool IsDue(Filter filter) => standing.Held.TryGetValue(NftRuleset.NameOf(filter.FilterId), out var it)
            && it.Until - now < NftRuleset.LifeOf(filter, lease) * (2.0 / 3);
    }

    /// <summary>
    /// Only what the kernel itself says that it holds goes on counting as in force: each rule always; destinations, which it lists one by one only (sets of sources
    /// are long), when they are new, and in turn afterwards.
    /// </summary>
    private async Task Confirm(KernelTable held, IReadOnlyList<string> looked, CancellationToken cancellation)
    {
        var lost = _standing.Held.Values.Where(it => !held.Holds(it)).Select(it => it.Name).ToHashSet();
        foreach (var some in looked.Where(name => !lost.Contains(name)).Chunk(AtOnce).ToList())
        {
            var found = await Task.WhenAll(some.Select(name => table.HasDestination(name, cancellation)));
            lost.UnionWith(some.Where((_, i) => !found[i]));
        }

        if (lost.Count > 0)
        {
            _standing = _standing with { Held = _standing.Held.RemoveRange(lost) };
        }
    }

    /// <summary>Without a way back the filters are kept all the same.</summary>
    private async Task KeepRoutes(
        IReadOnlyList<string> diverted, IReadOnlyList<string> proxied, ReturnPath? path, TimeSpan lease, CancellationToken cancellation)
    {
        try
        {
            (_returned, _noWayBack) = (await routes.Apply(diverted, proxied, path, lease, cancellation), "");
        }
        catch (Exception fault) when (!cancellation.IsCancellationRequested)
        {
            Telemetry.Changed("refused");
            _returned = [];
            if (fault.Message != _noWayBack)
            {
                _noWayBack = fault.Message; // once; tried again all the same
                log.NoWayBack(fault.Message);
            }
        }
    }

    private async Task<SyncFiltersResponse> Ask(
        Scrubbers.ScrubbersClient controller,
        Standing standing,
        KernelTable held,
        bool canSynProxy,
        CancellationToken cancellation) => await controller.SyncFiltersAsync(
            new SyncFiltersRequest
            {
                SynProxy = canSynProxy,
                Counts = true,
                TellsReturned = true,
                Returned = { _returned },
                Present = { held.Counters.Keys.Select(NftRuleset.DigitsOf) },
                Applied =
                {
                    from it in held.Counters
                    where standing.Held.ContainsKey(it.Key)
                    let counted = Told(it.Key, it.Value)
                    select new AppliedFilter
                    {
                        FilterId = standing.Held[it.Key].FilterId,
                        DroppedPackets = counted.DroppedPackets,
                        DroppedBytes = counted.DroppedBytes,
                        PassedPackets = counted.PassedPackets,
                        PassedBytes = counted.PassedBytes,
                    },
                },
            },
            new Metadata { { "x-platform-scrubber", $"{options.Value.Name}:{options.Value.Token}" } },
            TimeProvider.System.GetUtcNow().UtcDateTime + TimeSpan.FromSeconds(5),
            cancellation);

    /// <summary>
    /// An attempt that is under way counts as dropped until it is known to be real. What is told never goes back all the same: whoever hears less than before
    /// takes it for a count from 0.
    /// </summary>
    private FilterCounters Told(string name, FilterCounters counted) =>
        _told[name] = _told.TryGetValue(name, out var before) && counted.HitPackets >= before.HitPackets
            ? counted with
            {
                DroppedPackets = Math.Max(counted.DroppedPackets, before.DroppedPackets),
                DroppedBytes = Math.Max(counted.DroppedBytes, before.DroppedBytes),
            }
            : counted;

    /// <summary>Without what runs down by itself.</summary>
    private static string TextOf(Filter filter) => $"{filter.FilterId} {filter.Destination} {filter.Rule}";

    /// <param name="Filters">What was applied last, as text.</param>
    /// <param name="Held">What is in force, by name in the kernel.</param>
    private sealed record Standing(string Filters, ImmutableDictionary<string, HeldFilter> Held);
}
